//! A session: a cluster, a shell, a course and a recording: all that a face needs.
