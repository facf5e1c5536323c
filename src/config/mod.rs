//! A TOML file becomes a validated `Config`, or an error that says what would be right.
