//! Columns as Go's `text/tabwriter` lays them out for kubectl: three spaces between, two for `describe`.
//!
//! Always holds: a column is as wide as its widest cell among neighbouring lines that have a cell behind it; the last
//! cell of a line is never padded. Widths are counted in characters, as the real one does.

/// Lays out the lines of `describe`: two spaces between columns.
pub fn align(text: &str) -> String {
    layout(text, 0, 2, &mut Vec::new())
}

/// Lays out lines whose cells are separated by tabs. `memory` are the least widths of columns, which grow
/// (`RememberWidths`).
pub fn layout(text: &str, least: usize, padding: usize, memory: &mut Vec<usize>) -> String {
    let mut lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let remembers = !memory.is_empty() || least > 0;
    let ends = lines.last().is_some_and(|l| l.len() == 1 && l[0].is_empty());
    if ends {
        lines.pop();
    }
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|l| vec![0; l.len().saturating_sub(1)]).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut start = 0;
        while start < lines.len() {
            if lines[start].len() <= column + 1 {
                start += 1;
                continue;
            }
            let run = lines[start..].iter().take_while(|l| l.len() > column + 1).count();
            let widest =
                lines[start..start + run].iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
            let width = (widest + padding).max(least).max(memory.get(column).copied().unwrap_or(0));
            if memory.len() <= column {
                memory.resize(column + 1, 0);
            }
            memory[column] = if remembers { width } else { 0 };
            for line in &mut widths[start..start + run] {
                line[column] = width;
            }
            start += run;
        }
    }
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        for (column, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths[i].get(column) {
                out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
            }
        }
        if i + 1 < lines.len() || ends {
            out.push('\n');
        }
    }
    out
}

/// Prints tables as `kubectl get` does, with widths that only grow, as a watch needs.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    memory: Vec<usize>,
}

impl Columns {
    /// Lays out some rows.
    pub fn rows(&mut self, rows: &[Vec<String>]) -> String {
        let text: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
        layout(&text, 6, 3, &mut self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_tabwriter() {
        let cases = [
            ("a\tb\tc\naaa\tb\tccc\n", "a     b     c\naaa   b     ccc\n"),
            ("NAME\tAGE\nweb\t\n", "NAME   AGE\nweb    \n"),
            ("N\tM\n", "N     M\n"),
            ("a\t\tc\nb\t\td\n", "a           c\nb           d\n"),
            ("a:\tx\n\nlonger:\ty\n", "a:    x\n\nlonger:   y\n"),
            ("한\tx\n", "한     x\n"),
            ("a\tb\nlong line without cells\nccc\td\n", "a     b\nlong line without cells\nccc   d\n"),
        ];
        for (text, laid) in cases {
            assert_eq!(layout(text, 6, 3, &mut Vec::new()), laid, "{text:?}");
        }
    }
}
