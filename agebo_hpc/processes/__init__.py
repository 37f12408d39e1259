"""What the operating system does for a process: its cores, memory, children and end."""
