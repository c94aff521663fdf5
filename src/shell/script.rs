//! Scripts as lists of top-level commands.

/// Splits a script into its top-level commands, which blank lines separate.
pub fn split(script: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block = String::new();
    for line in script.lines() {
        if line.trim().is_empty() {
            if !block.is_empty() {
                commands.push(std::mem::take(&mut block));
            }
            continue;
        }
        if !block.is_empty() {
            block.push('\n');
        }
        block.push_str(line);
    }
    if !block.is_empty() {
        commands.push(block);
    }
    commands
}
