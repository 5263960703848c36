//! System functions that `std` lacks: flushing a file system, and the memory of a process that has ended. And the
//! programs beside this one.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;

/// A program that was built together with this one.
pub fn program(name: &str) -> Result<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    // A test is a folder below.
    let this = std::env::current_exe()?;
    let found = this.ancestors().skip(1).take(2).map(|folder| folder.join(&file)).find(|path| path.is_file());
    found.ok_or_else(|| format!("the program `{name}` is not built").into())
}

/// The small program of this package.
pub fn helper() -> Result<Command> {
    Ok(Command::new(program("loosepack-bench-helper")?))
}

/// Flushes the file system that holds this file or folder, so that nobody waits for what another has written.
#[cfg(target_os = "linux")]
pub fn flush_file_system(file: &File) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    match unsafe { libc::syncfs(file.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// Flushes all file systems, so that nobody waits for what another has written.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn flush_file_system(_file: &File) -> Result<()> {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::sync() };
    Ok(())
}

/// Nothing: there is no such thing here.
#[cfg(not(unix))]
pub fn flush_file_system(_file: &File) -> Result<()> {
    Ok(())
}

/// Runs a program to its end: whether it succeeded, and the most memory it had at a time, in bytes, where that is
/// known.
#[cfg(unix)]
pub fn run_and_weigh(command: &mut Command) -> Result<(bool, Option<u64>)> {
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: all zeros is a value of this plain structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers lead to live values; the child is ours, and nobody else waits for it.
    if unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } != pid {
        return Err(std::io::Error::last_os_error().into());
    }
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let success = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
    Ok((success, Some(u64::try_from(usage.ru_maxrss)? * unit)))
}

/// Runs a program to its end: whether it succeeded. Its memory is not known here.
#[cfg(not(unix))]
pub fn run_and_weigh(command: &mut Command) -> Result<(bool, Option<u64>)> {
    Ok((command.status()?.success(), None))
}
