//! The hot path: the worker loop and its nodes.
