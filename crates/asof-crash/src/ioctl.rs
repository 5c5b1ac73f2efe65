//! Two questions that only the kernel answers: the one home of `unsafe` here.

#![expect(unsafe_code, reason = "an ioctl has no safe form")]

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;

/// How many bytes a pipe holds this moment.
pub(crate) fn waiting(pipe: &impl AsRawFd) -> Result<usize> {
    let mut waiting: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int through the pointer, and it points to one.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
    match asked {
        0 => Ok(waiting.max(0) as usize),
        _ => Err(Error::last_os_error()),
    }
}

/// Cuts the power of an ext4: with flag 2 its journal is lost as well, with flag 1 it is written first.
pub(crate) fn shut_down(root: &File, flag: u32) -> Result<()> {
    const EXT4_IOC_SHUTDOWN: libc::c_ulong = 0x8004_587d;
    // SAFETY: the call reads one u32 through the pointer, and it points to one.
    let done = unsafe { libc::ioctl(root.as_raw_fd(), EXT4_IOC_SHUTDOWN, &raw const flag) };
    match done {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}
