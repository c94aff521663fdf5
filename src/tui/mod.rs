//! The interface in the terminal: panes, prompt, lessons.
