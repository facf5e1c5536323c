//! The shipped lab configuration, with what a case changes.

use std::path::Path;

use toml::{Table, Value};

/// `config/lab.toml`, changed.
pub(crate) struct Config(Table);

impl Config {
    /// As shipped.
    pub(crate) fn lab() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/lab.toml");
        let text = std::fs::read_to_string(&path).expect("config/lab.toml");
        Self(text.parse().expect("config/lab.toml is TOML"))
    }

    /// Sets `table.table.key`; a number in the path is an index into an array of tables.
    pub(crate) fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let (tables, key) = path.rsplit_once('.').expect("a path with a table");
        let mut names = tables.split('.');
        let first = names.next().expect("a name");
        let mut place = self
            .0
            .entry(first)
            .or_insert_with(|| Value::Table(Table::new()));
        for name in names {
            place = match name.parse::<usize>() {
                Ok(index) => place.get_mut(index).expect("an entry of that index"),
                Err(_) => place
                    .as_table_mut()
                    .expect("a table")
                    .entry(name)
                    .or_insert_with(|| Value::Table(Table::new())),
            };
        }
        place
            .as_table_mut()
            .expect("a table")
            .insert(key.to_owned(), value.into());
        self
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        toml::to_string(&self.0).expect("a table can be written")
    }
}
