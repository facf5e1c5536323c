//! What an operator sees: admin socket, tables, logs.
