//! Text tables with aligned columns, and numbers as people read them.

/// A table being filled.
pub struct Table {
    headings: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Copy)]
struct Column {
    heading: &'static str,
    align_right: bool,
}

impl Table {
    /// A table with these columns; one whose heading starts with `>` is aligned to the right.
    #[must_use]
    pub fn new(headings: &[&'static str]) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('>') {
            Some(heading) => Column {
                heading,
                align_right: true,
            },
            None => Column {
                heading,
                align_right: false,
            },
        };
        Self {
            headings: headings.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: a cell per column, what is missing stays empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows
            .push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The table, a newline after each line, no spaces at the ends of lines.
    #[must_use]
    pub fn render(&self) -> String {
        let headings: Vec<String> = self
            .headings
            .iter()
            .map(|column| column.heading.to_uppercase())
            .collect();
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let width = |column: usize| {
            let widths = lines().filter_map(|line| line.get(column));
            widths.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let mut text = String::new();
        for line in lines() {
            let mut out = String::new();
            for ((cell, column), width) in line.iter().zip(&self.headings).zip(&widths) {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if column.align_right {
                    (&*padding, "")
                } else {
                    ("", &*padding)
                };
                out.push_str(before);
                out.push_str(cell);
                out.push_str(after);
                out.push_str("  ");
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `text` without characters that steer a terminal: names come from peers.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// `1.5 MiB`: three digits and a unit.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut chosen = "KiB";
    for unit in UNITS.iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        chosen = unit;
    }
    if tenths < 1_000 {
        format!("{}.{} {chosen}", tenths / 10, tenths % 10)
    } else {
        format!("{} {chosen}", tenths / 10)
    }
}

/// `2d 03:04:05`, or without the days.
#[must_use]
pub fn human_duration(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days > 0 {
        format!("{days}d {clock}")
    } else {
        clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["user", ">frames", "state"]);
        table.row(vec!["alice".into(), "7".into(), "up".into()]);
        table.row(vec!["bö\x1b[2J".into(), "123456789".into(), "up".into()]);
        assert_eq!(
            table.render(),
            "USER       FRAMES  STATE\n\
             alice           7  up\n\
             bö\u{fffd}[2J  123456789  up\n"
        );
        assert_eq!(Table::new(&["a", "b"]).render(), "A  B\n");
    }

    #[test]
    fn numbers_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023 KiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
        assert_eq!(human_duration(59), "00:00:59");
        assert_eq!(human_duration(183_845), "2d 03:04:05");
    }
}
