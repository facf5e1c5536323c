//! Where an address lives: kernel routes and neighbours mirrored, and the address directory.
