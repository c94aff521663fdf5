//! What the images do: processes over files, ports, environment, signals and time.
