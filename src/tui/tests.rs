//! Screens, as a terminal shows them.
