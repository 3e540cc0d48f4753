//! Fault injection for the registry: real processes, real disks, real faults.
