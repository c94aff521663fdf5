//! uniq, fold, paste and column: lines side by side, and one after the other.
//!
//! Always holds: widths are counted in characters.

use super::text::chomp;
use super::{Filter, Go, Inputs, Io, Known, Lines, Options, Tool, Whole, lossy};

type Started = Result<Box<dyn Tool>, i32>;

#[derive(Clone, Debug)]
struct Uniq {
    options: Options,
    last: Option<Vec<u8>>,
    count: usize,
}

pub(super) fn uniq(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "uniq",
        letters: "cduif:",
        long: &[("count", 'c'), ("repeated", 'd'), ("unique", 'u'), ("ignore-case", 'i')],
    }
    .read(args, io)?;
    let inputs = Inputs::new("uniq", &options.rest.iter().take(1).cloned().collect());
    Ok(Lines::tool(inputs, Uniq { options, last: None, count: 0 }))
}

impl Uniq {
    fn flush(&mut self, io: &mut Io) {
        let Some(last) = self.last.take() else { return };
        let skip = (self.options.has('d') && self.count < 2) || (self.options.has('u') && self.count > 1);
        if skip {
            return;
        }
        if self.options.has('c') {
            io.out(format!("{:7} ", self.count));
        }
        io.out(last);
        io.out("\n");
    }
}

impl Filter for Uniq {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let text = chomp(line).0;
        let skip = self.options.value('f').and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        let key = |bytes: &[u8]| {
            let text = lossy(bytes);
            let text = if self.options.has('i') { text.to_lowercase() } else { text };
            if skip == 0 { text } else { text.split_whitespace().skip(skip).collect::<Vec<_>>().join(" ") }
        };
        if self.last.as_deref().is_some_and(|last| key(last) == key(text)) {
            self.count += 1;
            return Go::On;
        }
        self.flush(io);
        self.last = Some(text.to_vec());
        self.count = 1;
        Go::On
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        self.flush(io);
        status
    }
}

#[derive(Clone, Debug)]
struct Fold {
    width: usize,
    spaces: bool,
}

pub(super) fn fold(args: &[String], io: &mut Io) -> Started {
    let options =
        Known { name: "fold", letters: "w:s", long: &[("width", 'w'), ("spaces", 's')] }.read(args, io)?;
    let width = options.number('w', "fold", io)?.unwrap_or(80).max(1) as usize;
    Ok(Lines::tool(Inputs::new("fold", &options.rest), Fold { width, spaces: options.has('s') }))
}

impl Filter for Fold {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let (text, newline) = chomp(line);
        let text = lossy(text);
        let mut rest: Vec<char> = text.chars().collect();
        while rest.len() > self.width {
            let mut end = self.width;
            if self.spaces
                && let Some(space) = rest[..end].iter().rposition(|c| *c == ' ')
            {
                end = space + 1;
            }
            let tail = rest.split_off(end);
            io.out(rest.iter().collect::<String>() + "\n");
            rest = tail;
        }
        io.out(rest.iter().collect::<String>());
        io.out(if newline { "\n" } else { "" });
        Go::On
    }
}

pub(super) fn paste(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "paste", letters: "d:s", long: &[("delimiters", 'd'), ("serial", 's')] }
        .read(args, io)?;
    Ok(Whole::tool(Inputs::new("paste", &options.rest), options, |options, files, io| {
        let delims: Vec<char> =
            lossy(&super::unescape(options.value('d').unwrap_or("\\t"))).chars().collect();
        let delim = |i: usize| delims.get(i % delims.len().max(1)).map(char::to_string).unwrap_or_default();
        let mut columns: Vec<Vec<String>> =
            files.iter().map(|(_, bytes)| lossy(bytes).lines().map(str::to_owned).collect()).collect();
        // `paste - -`: the lines of standard input go round.
        if files.len() > 1 && files.iter().all(|(name, _)| name == "-") {
            let lines = std::mem::take(&mut columns[0]);
            let count = columns.len();
            for (i, line) in lines.into_iter().enumerate() {
                columns[i % count].push(line);
            }
        }
        let rows: Vec<Vec<&str>> = if options.has('s') {
            columns.iter().map(|c| c.iter().map(String::as_str).collect()).collect()
        } else {
            let most = columns.iter().map(Vec::len).max().unwrap_or(0);
            (0..most).map(|r| columns.iter().map(|c| c.get(r).map_or("", String::as_str)).collect()).collect()
        };
        for row in rows {
            let mut line = String::new();
            for (i, cell) in row.iter().enumerate() {
                if i > 0 {
                    line.push_str(&delim(i - 1));
                }
                line.push_str(cell);
            }
            io.out(line + "\n");
        }
        0
    }))
}

pub(super) fn column(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "column",
        letters: "ts:o:",
        long: &[("table", 't'), ("separator", 's'), ("output-separator", 'o')],
    }
    .read(args, io)?;
    Ok(Whole::tool(Inputs::new("column", &options.rest), options, |options, files, io| {
        let text: String = files.iter().map(|(_, bytes)| lossy(bytes)).collect();
        if !options.has('t') {
            io.out(text);
            return 0;
        }
        let split = |line: &str| -> Vec<String> {
            match options.value('s') {
                Some(seps) => line.split(|c| seps.contains(c)).map(str::to_owned).collect(),
                None => line.split_whitespace().map(str::to_owned).collect(),
            }
        };
        let rows: Vec<Vec<String>> = text.lines().filter(|l| !l.trim().is_empty()).map(split).collect();
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count)
            .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0))
            .collect();
        let joint = options.value('o').unwrap_or("  ");
        for row in rows {
            let last = row.len() - 1;
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(i, cell)| if i == last { cell.clone() } else { format!("{cell:0$}", widths[i]) })
                .collect();
            io.out(cells.join(joint) + "\n");
        }
        0
    }))
}
