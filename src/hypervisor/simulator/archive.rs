//! A backup's archive: a folder as one `tar.zst`, the same octets for the same data.
//!
//! Entries are sorted; times and owners are zero; a mode tells only whether a file can be run. The zstd frame
//! carries a checksum, so a damaged or cut archive is recognised.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

/// Size and digest of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Octets of the archive.
    pub size: u64,
    /// SHA-256 of the archive's octets, hex.
    pub sha256: String,
}

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("the archive is not usable: {0}")]
    Invalid(String),
    #[error("the data needs {needs} octets, and the quota is {quota}")]
    TooLarge { needs: u64, quota: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Packs all files and folders below `folder` into the file `to`. Fails with `InvalidInput` on anything that is
/// neither, such as a link.
pub fn pack(folder: &Path, to: &Path) -> io::Result<Packed> {
    let digesting = Digesting { inner: File::create_new(to)?, size: 0, digest: Sha256::new() };
    let mut zstd = zstd::Encoder::new(digesting, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    zstd.include_checksum(true)?;
    let mut tar = tar::Builder::new(zstd);
    pack_folder(&mut tar, folder, Path::new(""))?;
    let done = tar.into_inner()?.finish()?;
    Ok(Packed { size: done.size, sha256: hex::encode(done.digest.finalize()) })
}

fn pack_folder<W: Write>(tar: &mut tar::Builder<W>, folder: &Path, prefix: &Path) -> io::Result<()> {
    let mut names = fs::read_dir(folder)?.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let (path, inside) = (folder.join(&name), prefix.join(&name));
        let meta = fs::symlink_metadata(&path)?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if meta.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            tar.append_data(&mut header, &inside, io::empty())?;
            pack_folder(tar, &path, &inside)?;
        } else if meta.is_file() {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 });
            header.set_size(meta.len());
            // A file that shrinks or grows meanwhile must not shift what follows it in the archive.
            let exact = Exact { inner: File::open(&path)?.take(meta.len()), left: meta.len() };
            tar.append_data(&mut header, &inside, exact)?;
        } else {
            let what = format!("{} is neither a file nor a folder", inside.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
    }
    Ok(())
}

/// Unpacks an archive into `folder`, which is made. `quota` is the most that the files may hold, in octets.
/// Links, devices and paths that lead out of the folder are refused.
pub fn unpack(archive: &Path, folder: &Path, quota: Option<u64>) -> Result<(), UnpackError> {
    // What the operating system reports is no fault of the archive.
    let invalid = |e: io::Error| match e.raw_os_error() {
        Some(_) => UnpackError::Io(e),
        None => UnpackError::Invalid(e.to_string()),
    };
    let file = File::open(archive)?;
    fs::create_dir(folder)?;
    let mut tar = tar::Archive::new(zstd::Decoder::new(file)?);
    let mut needs = 0u64;
    for entry in tar.entries().map_err(invalid)? {
        let mut entry = entry.map_err(invalid)?;
        let path = entry.path().map_err(invalid)?.into_owned();
        if !path.components().all(|c| matches!(c, Component::Normal(_))) || path.as_os_str().is_empty() {
            return Err(UnpackError::Invalid(format!("{} leads out of the data", path.display())));
        }
        let place = folder.join(&path);
        match entry.header().entry_type() {
            tar::EntryType::Directory => fs::create_dir_all(place)?,
            tar::EntryType::Regular => {
                needs = needs.saturating_add(entry.size());
                if let Some(quota) = quota.filter(|q| needs > *q) {
                    return Err(UnpackError::TooLarge { needs, quota });
                }
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut out = File::create_new(&place)?;
                let written = io::copy(&mut entry, &mut out).map_err(invalid)?;
                if written != entry.size() {
                    return Err(UnpackError::Invalid(format!("{} is cut", path.display())));
                }
                let mode = if entry.header().mode().map_err(invalid)? & 0o100 == 0 { 0o644 } else { 0o755 };
                fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
            }
            _ => {
                let what = format!("{} is neither a file nor a folder", path.display());
                return Err(UnpackError::Invalid(what));
            }
        }
    }
    // The checksum stands at the end of the frame, behind what tar reads.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(invalid)?;
    Ok(())
}

struct Digesting {
    inner: File,
    size: u64,
    digest: Sha256,
}

impl Write for Digesting {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.digest.update(&data[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left -= n as u64;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::other("a file shrank while it was packed"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(dir: &Path, order: &[(&str, usize)]) -> std::path::PathBuf {
        let folder = dir.join(format!("data-{}", order[0].0.replace('/', "-")));
        for (name, len) in order {
            let place = folder.join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, (0..*len).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>()).unwrap();
        }
        fs::create_dir_all(folder.join("empty")).unwrap();
        folder
    }

    #[test]
    fn same_data_gives_same_octets_whenever_and_in_whatever_order_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let long = "deep/".repeat(30) + "file";
        let a = filled(dir.path(), &[("counter", 3), (&long, 70_000), ("photos/1", 3_000_000)]);
        let b = filled(dir.path(), &[("photos/1", 3_000_000), ("counter", 3), (&long, 70_000)]);
        File::open(b.join("counter")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let (pa, pb) = (dir.path().join("a.tar.zst"), dir.path().join("b.tar.zst"));
        let (first, second) = (pack(&a, &pa).unwrap(), pack(&b, &pb).unwrap());
        assert_eq!(first, second);
        assert_eq!(fs::read(&pa).unwrap(), fs::read(&pb).unwrap());
        assert_eq!(first.sha256, hex::encode(Sha256::digest(fs::read(&pa).unwrap())));

        let mut tar = tar::Archive::new(zstd::Decoder::new(File::open(&pa).unwrap()).unwrap());
        let entries: Vec<_> =
            tar.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert!(entries.is_sorted() && entries.len() == 35, "{entries:?}");

        let back = dir.path().join("back");
        unpack(&pa, &back, None).unwrap();
        assert_eq!(pack(&back, &dir.path().join("c.tar.zst")).unwrap(), first);
        assert_eq!(fs::read(back.join(&long)).unwrap(), fs::read(a.join(&long)).unwrap());
    }

    #[test]
    fn damaged_cut_and_lengthened_archives_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good");
        pack(&filled(dir.path(), &[("photos/1", 500_000)]), &good).unwrap();
        let octets = fs::read(&good).unwrap();
        let mut damaged = octets.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x40;
        let cut = octets[..octets.len() - 3].to_vec();
        let lengthened = [octets, b"more".to_vec()].concat();
        for (i, bad) in [damaged, cut, lengthened, b"no archive".to_vec()].into_iter().enumerate() {
            let file = dir.path().join(format!("bad-{i}"));
            fs::write(&file, bad).unwrap();
            let refused = unpack(&file, &dir.path().join(format!("out-{i}")), None);
            assert!(matches!(refused, Err(UnpackError::Invalid(_))), "{i}: {refused:?}");
        }
    }

    #[test]
    fn ways_out_of_the_folder_and_too_large_data_are_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let crafted = |file: &str, name: &[u8], kind: tar::EntryType, size: u64| {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_size(size);
            header.set_cksum();
            let path = dir.path().join(file);
            fs::write(&path, zstd::encode_all(&header.as_bytes()[..], 1).unwrap()).unwrap();
            path
        };
        let up = crafted("up", b"../out", tar::EntryType::Regular, 0);
        let root = crafted("root", b"/out", tar::EntryType::Regular, 0);
        let link = crafted("link", b"link", tar::EntryType::Symlink, 0);
        for (i, bad) in [up, root, link].iter().enumerate() {
            let refused = unpack(bad, &dir.path().join(format!("out-{i}")), None);
            assert!(matches!(refused, Err(UnpackError::Invalid(_))), "{i}: {refused:?}");
        }
        let huge = crafted("huge", b"huge", tar::EntryType::Regular, 3 << 30);
        let refused = unpack(&huge, &dir.path().join("out"), Some(1 << 30));
        assert!(
            matches!(refused, Err(UnpackError::TooLarge { needs, .. }) if needs == 3 << 30),
            "{refused:?}"
        );
    }
}
