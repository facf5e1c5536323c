//! The shipped lab configuration, with what a case changes.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// `config/lab.toml`, changed.
pub(crate) struct Config(Table, Vec<(&'static str, String)>);

impl Config {
    /// As shipped.
    pub(crate) fn lab() -> Self {
        let text = std::fs::read_to_string(shipped("lab.toml")).expect("config/lab.toml");
        let table = text.parse().expect("config/lab.toml is TOML");
        let config = Self(table, Vec::new());
        match std::env::var("PNS_LAB_WORKERS") {
            Ok(workers) => config.with_workers(workers.parse().expect("a number of workers")),
            Err(_) => config,
        }
    }

    /// So many workers. A veth has one queue each way, so worker 0 receives all frames and sends those of
    /// the others.
    pub(crate) fn with_workers(self, workers: u8) -> Self {
        self.with("workers.count", i64::from(workers))
            .with("dpdk.mbufs", 16_384)
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

    /// Puts the tables of `text` in the place of its own of these names.
    pub(crate) fn with_tables(mut self, text: &str) -> Self {
        self.0.extend(text.parse::<Table>().expect("TOML"));
        self
    }

    /// Puts a file beside it.
    pub(crate) fn with_file(mut self, name: &'static str, text: &str) -> Self {
        self.1.push((name, text.to_owned()));
        self
    }

    /// Writes it, and the users file that it names, into `directory`; the path of the file.
    pub(crate) fn write(&self, directory: &Path) -> PathBuf {
        std::fs::create_dir_all(directory).unwrap();
        let users = self.0["users"]["file"].as_str().expect("users.file");
        for (name, text) in &self.1 {
            std::fs::write(directory.join(name), text).unwrap();
        }
        if !directory.join(users).exists() {
            std::fs::copy(shipped(users), directory.join(users)).expect("the users file");
        }
        let file = directory.join("lab.toml");
        std::fs::write(&file, toml::to_string(&self.0).unwrap()).unwrap();
        file
    }
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(file)
}
