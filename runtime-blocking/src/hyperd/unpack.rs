use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use hyperwire_core::hyperd::Wheel;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::install::OnProgress;
use super::{InstallError, Progress, Step, system};

const CHUNK: usize = 256 * 1024;

/// Checks that a file is the pinned wheel, byte for byte.
pub(super) fn verify(file: &Path, wheel: &Wheel, on_progress: OnProgress<'_>) -> Result<(), InstallError> {
    let failed = |source| InstallError::Io { action: "reading", path: file.to_path_buf(), source };
    let mut hash = Sha256::new();
    let mut input = File::open(file).map_err(failed)?;
    let total = input.metadata().map_err(failed)?.len();
    let mut ticker = Ticker { step: Step::Verify, total, on_progress };
    copy(&mut input, &mut ticker, |chunk| {
        hash.update(chunk);
        Ok(())
    })
    .map_err(|error| error.into_install_error(failed, failed))?;
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != wheel.sha256 {
        return Err(InstallError::WrongHash { file: wheel.file, expected: wheel.sha256, found });
    }
    Ok(())
}

/// Takes hyperd, and nothing else, out of the wheel, and leaves it at `to`, executable and on disk.
pub(super) fn unpack(
    file: &Path,
    wheel: &Wheel,
    to: &Path,
    on_progress: OnProgress<'_>,
) -> Result<(), InstallError> {
    let corrupt = |reason: String| InstallError::Corrupt { file: wheel.file, reason };
    let unreadable = |source| InstallError::Io { action: "reading", path: file.to_path_buf(), source };
    let unwritable = |source| InstallError::Io { action: "writing", path: to.to_path_buf(), source };

    let input = BufReader::with_capacity(CHUNK, File::open(file).map_err(unreadable)?);
    let mut archive = ZipArchive::new(input).map_err(|error| corrupt(error.to_string()))?;
    let member = archive.by_name(wheel.member).map_err(|error| corrupt(error.to_string()))?;
    if member.size() != wheel.member_size {
        return Err(corrupt(format!("it has {} bytes instead of {}", member.size(), wheel.member_size)));
    }
    let mut output = File::options().write(true).create_new(true).open(to).map_err(unwritable)?;
    let mut ticker = Ticker { step: Step::Unpack, total: wheel.member_size, on_progress };
    // One byte more than there may be, so that an archive that lies about its sizes is noticed and not believed.
    let mut member = member.take(wheel.member_size + 1);
    let written = copy(&mut member, &mut ticker, |chunk| output.write_all(chunk))
        .map_err(|error| error.into_install_error(|source| corrupt(source.to_string()), unwritable))?;
    if written != wheel.member_size {
        return Err(corrupt(format!("it unpacked to {written} bytes instead of {}", wheel.member_size)));
    }
    system::make_executable(&output).map_err(unwritable)?;
    output.sync_all().map_err(unwritable)
}

struct Ticker<'a, 'p> {
    step: Step,
    total: u64,
    on_progress: &'a mut (dyn FnMut(Progress) -> std::ops::ControlFlow<()> + 'p),
}

impl Ticker<'_, '_> {
    fn tick(&mut self, done: u64) -> Result<(), CopyError> {
        let progress = Progress { step: self.step, done: done.min(self.total), total: self.total };
        if (self.on_progress)(progress).is_break() { Err(CopyError::Cancelled) } else { Ok(()) }
    }
}

enum CopyError {
    Cancelled,
    Read(io::Error),
    Write(io::Error),
}

impl CopyError {
    fn into_install_error(
        self,
        on_read: impl FnOnce(io::Error) -> InstallError,
        on_write: impl FnOnce(io::Error) -> InstallError,
    ) -> InstallError {
        match self {
            Self::Cancelled => InstallError::Cancelled,
            Self::Read(error) => on_read(error),
            Self::Write(error) => on_write(error),
        }
    }
}

/// Moves everything, telling how far it is every 4 MiB and at the end.
fn copy(
    from: &mut impl Read,
    ticker: &mut Ticker<'_, '_>,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, CopyError> {
    const TICK: u64 = 4 * 1024 * 1024;
    let mut chunk = vec![0; CHUNK];
    let (mut done, mut told) = (0, 0);
    loop {
        match from.read(&mut chunk) {
            Ok(0) => {
                ticker.tick(done)?;
                return Ok(done);
            }
            Ok(count) => {
                take(&chunk[..count]).map_err(CopyError::Write)?;
                done += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Read(error)),
        }
        if done - told >= TICK {
            told = done;
            ticker.tick(done)?;
        }
    }
}
