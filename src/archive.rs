//! Tar archives: what `tar` in a container reads and writes, and `kubectl cp` at its other end.
//!
//! Always holds: reading takes any bytes and answers or refuses. Deliberately not here: owners, devices, sparse files.

/// The unit of an archive.
const BLOCK: usize = 512;
/// Archives are filled up to a whole number of these.
const RECORD: usize = 20 * BLOCK;

/// A member of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its path; that of a directory may end in a slash.
    pub name: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Permission bits.
    pub mode: u32,
    /// Seconds since the epoch.
    pub modified: u64,
    /// A file's content.
    pub content: Vec<u8>,
    /// Where a link points to.
    pub link: Option<String>,
}

/// The archive of some entries.
pub fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        // A name too long for its field stands in an entry of its own before.
        if entry.name.len() > 100 {
            let content = [entry.name.as_bytes(), &[0]].concat();
            put(&mut out, b'L', &Entry { name: "././@LongLink".to_owned(), content, ..Entry::default() });
        }
        put(&mut out, if entry.directory { b'5' } else { b'0' }, entry);
    }
    let end = (out.len() + 2 * BLOCK).next_multiple_of(RECORD);
    out.resize(end, 0);
    out
}

fn put(out: &mut Vec<u8>, kind: u8, entry: &Entry) {
    let mut header = [0u8; BLOCK];
    let mut field = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    field(0, &entry.name.as_bytes()[..entry.name.len().min(100)]);
    field(100, format!("{:07o}", entry.mode & 0o7777).as_bytes());
    field(108, b"0000000");
    field(116, b"0000000");
    field(124, format!("{:011o}", entry.content.len()).as_bytes());
    field(136, format!("{:011o}", entry.modified & 0o77_777_777_777).as_bytes());
    field(148, b"        ");
    field(156, &[kind]);
    field(257, b"ustar\x0000");
    field(265, b"root");
    field(297, b"root");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&entry.content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

/// The entries of an archive; `None` where it is none, or ends too soon.
pub fn unpack(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    // What an entry before says of the next one's name.
    let mut long: Option<String> = None;
    loop {
        let header = rest.get(..BLOCK)?;
        rest = &rest[BLOCK..];
        if header.iter().all(|byte| *byte == 0) {
            return Some(entries);
        }
        let blank = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) };
        let sum: u32 = header.iter().enumerate().map(blank).sum();
        if number(&header[148..156])? != u64::from(sum) {
            return None;
        }
        let size = usize::try_from(number(&header[124..136])?).ok()?;
        let content = rest.get(..size)?.to_vec();
        rest = rest.get(size.checked_next_multiple_of(BLOCK)?..).unwrap_or_default();
        match header[156] {
            b'L' => long = Some(text(&content)),
            b'x' => long = pax_path(&content).or(long),
            b'g' | b'K' => {}
            kind => {
                let (prefix, name) = (text(&header[345..500]), text(&header[..100]));
                let split = &header[257..262] == b"ustar";
                let short = if prefix.is_empty() || !split { name } else { format!("{prefix}/{name}") };
                let name = long.take().unwrap_or(short);
                entries.push(Entry {
                    directory: kind == b'5' || (name.ends_with('/') && kind != b'2'),
                    link: matches!(kind, b'1' | b'2').then(|| text(&header[157..257])),
                    mode: number(&header[100..108])? as u32 & 0o7777,
                    modified: number(&header[136..148])?,
                    name,
                    content,
                });
            }
        }
    }
}

/// Octal digits, with spaces and NULs around them.
fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The path among records of the form `LENGTH KEY=VALUE`.
fn pax_path(mut records: &[u8]) -> Option<String> {
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(text(path).trim_end_matches('\n').to_owned());
        }
        records = &records[length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(name: &str, content: &[u8]) -> Entry {
        let directory = name.ends_with('/');
        Entry { name: name.into(), directory, mode: 0o640, modified: 7, content: content.into(), link: None }
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let long = format!("{}/file", "folder".repeat(40));
        let entries =
            [entry("a/", b""), entry("a/b", b"content"), entry(&long, &[0xff; 1000]), entry("e", b"")];
        let bytes = pack(&entries);
        assert_eq!(bytes.len() % RECORD, 0);
        assert_eq!(unpack(&bytes).unwrap(), entries);
        assert_eq!(unpack(&bytes[..700]), None, "it ends too soon");
        assert_eq!(unpack(b""), None);
    }

    #[test]
    fn a_name_in_a_record_before_counts() {
        let mut bytes = Vec::new();
        let records = b"20 path=some/longer\n11 mtime=1\n".to_vec();
        put(&mut bytes, b'x', &entry("pax", &records));
        bytes.extend(pack(&[entry("cut", b"x")]));
        assert_eq!(unpack(&bytes).unwrap()[0].name, "some/longer");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..3000), at in 0usize..600) {
            let _ = unpack(&bytes);
            let mut archive = pack(&[entry("a", &bytes)]);
            archive[at] ^= 0x55;
            let _ = unpack(&archive);
            let _ = pax_path(&bytes);
        }
    }
}
