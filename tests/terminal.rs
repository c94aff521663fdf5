//! The real program in a real terminal: it opens at home, and gives the terminal back.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};

#[test]
fn home_opens_and_q_gives_the_terminal_back() {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let data = std::env::temp_dir().join(format!("kubedojo-terminal-{}", std::process::id()));
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_kubedojo"));
    command.env("KUBEDOJO_DATA", &data);
    command.env("LANG", "C.UTF-8");
    command.env("LC_ALL", "C.UTF-8");
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let (mut reader, mut writer) =
        (pair.master.try_clone_reader().unwrap(), pair.master.take_writer().unwrap());
    let mut screen = vt100::Parser::new(size.rows.try_into().unwrap(), size.cols.try_into().unwrap(), 0);
    let mut bytes = [0; 4096];
    let mut see = |screen: &mut vt100::Parser, text: &str| {
        while !screen.screen().contents().contains(text) {
            let count = reader.read(&mut bytes).unwrap();
            assert!(count > 0, "it ended: {}", screen.screen().contents());
            screen.process(&bytes[..count]);
        }
    };
    see(&mut screen, "Sandbox");
    assert!(screen.screen().alternate_screen());
    // One key after the other, on screens where nothing else happens.
    for (key, text) in [("l", "Is it ready"), ("\x1b", "Sandbox"), ("z", "All topics"), ("\x1b", "Sandbox")] {
        writer.write_all(key.as_bytes()).unwrap();
        writer.flush().unwrap();
        see(&mut screen, text);
    }
    writer.write_all(b"q").unwrap();
    writer.flush().unwrap();
    while let Ok(count @ 1..) = reader.read(&mut bytes) {
        screen.process(&bytes[..count]);
    }
    assert!(child.wait().unwrap().success());
    assert!(!screen.screen().alternate_screen() && !screen.screen().bracketed_paste());
    std::fs::remove_dir_all(data).ok();
}
