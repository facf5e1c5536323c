//! What an operator sees: the admin protocol and its rows, tables for people, logs.
//!
//! `rows` says what can be seen, `admin` how it is asked for and answered, `table` and `show` how
//! it is printed. `account` and `explain` do the same for why calls end. `client` is the asking
//! side of the socket; the answering side belongs to the event loop, which makes an
//! [`answer::Answer`] with its [`admin::View`].

pub mod account;
pub mod admin;
pub mod answer;
pub mod bill_trouble;
pub mod client;
pub mod explain;
pub mod log;
pub mod rows;
pub mod show;
pub mod table;
pub mod users_file;
