//! A file that the run will write: opened before it begins, so that a bad path costs nobody half a minute.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

#[derive(Debug)]
pub struct Output {
    file: File,
    path: PathBuf,
}

impl Output {
    pub fn open(option: &str, path: Option<&Path>) -> anyhow::Result<Option<Self>> {
        let Some(path) = path else { return Ok(None) };
        // What stands there now is kept until there is something better.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("{option} {}", path.display()))?;
        Ok(Some(Self { file, path: path.to_owned() }))
    }

    pub fn write(mut self, text: &str) -> anyhow::Result<()> {
        self.replace(text).with_context(|| self.path.display().to_string())
    }

    fn replace(&mut self, text: &str) -> io::Result<()> {
        // A pipe or a device has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}
