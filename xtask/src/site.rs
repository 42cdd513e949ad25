//! Where a step works: the checkout, the PATH with the tools it asked for, a log of its own, and the terminal.

use core::{fmt, time::Duration};
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, anyhow};
use duct::Expression;
use indicatif::{ProgressBar, ProgressStyle};

use crate::command::Command;

/// How much of a failed command's output is shown; its log has all of it.
const TAIL_LINES: usize = 300;

/// So few bytes left on the disk are worth a word.
const SCARCE: u64 = 2 << 30;

#[derive(Debug)]
pub(crate) struct Site {
    root: PathBuf,
    log_path: PathBuf,
    log: File,
    /// Folders of fetched tools, to go before the user's PATH.
    tool_dirs: Vec<PathBuf>,
    bar: ProgressBar,
}

impl Site {
    pub(crate) fn open(root: &Path, step: &str) -> Result<Self> {
        let logs = root.join("target/xtask");
        fs::create_dir_all(&logs)?;
        let log_path = logs.join(format!("{step}.log"));
        let log = File::create(&log_path)?;
        let bar = ProgressBar::new_spinner()
            .with_style(ProgressStyle::with_template("        {spinner} {elapsed} {wide_msg:.dim}")?);
        Ok(Self { root: root.to_owned(), log_path, log, tool_dirs: Vec::new(), bar })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where fetched tools are kept. `cargo clean` takes them away.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    pub(crate) fn add_to_path(&mut self, dir: PathBuf) {
        if !self.tool_dirs.contains(&dir) {
            self.tool_dirs.push(dir);
        }
    }

    /// A line for the user that stays, above the spinner.
    pub(crate) fn say(&self, line: impl fmt::Display) {
        self.bar.suspend(|| println!("        {line}"));
    }

    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        which::which_in(program, Some(self.path().ok()?), &self.root).ok()
    }

    /// Runs a command line, visibly. What it says goes to the log, and is returned or stands in the error.
    pub(crate) fn run(&mut self, line: &str) -> Result<String> {
        let command = &Command::parse(line)?;
        self.say(format_args!("$ {command}"));
        writeln!(self.log, "$ {command}")?;
        let started = Instant::now();
        self.bar.reset();
        self.bar.enable_steady_tick(Duration::from_millis(120));
        let outcome = self.watch(command);
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        writeln!(self.log, "# {:.1} s\n", started.elapsed().as_secs_f32())?;
        outcome
    }

    /// What a command prints, for questions such as "which version is there?".
    pub(crate) fn ask(&self, line: &str) -> Result<String> {
        let command = Command::parse(line)?;
        self.expression(&command)?.stderr_null().read().with_context(|| format!("`{command}` failed"))
    }

    fn watch(&mut self, command: &Command) -> Result<String> {
        let output = self
            .expression(command)?
            .stderr_to_stdout()
            .unchecked()
            .reader()
            .with_context(|| format!("starting `{command}`"))?;
        let mut said = Vec::new();
        let mut lines = BufReader::new(&output);
        let mut bytes = Vec::new();
        while lines.read_until(b'\n', &mut bytes)? > 0 {
            self.log.write_all(&bytes)?;
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            self.bar.set_message(line.clone());
            said.push(line);
            bytes.clear();
        }
        match output.try_wait()? {
            Some(done) if !done.status.success() => {
                let tail = said.split_off(said.len().saturating_sub(TAIL_LINES));
                Err(anyhow!(
                    "{tail}\n\n{status}: {command}\nfolder: {root}{path}\nwhole output: {log}{disk}",
                    tail = tail.join("\n"),
                    status = done.status,
                    root = self.root.display(),
                    path = self.path_hint(),
                    log = self.log_path.display(),
                    disk = self.disk_hint(),
                ))
            }
            _ => Ok(said.join("\n")),
        }
    }

    fn expression(&self, command: &Command) -> Result<Expression> {
        let path = self.path()?;
        let dir = self.root.join(&command.dir);
        let program = which::which_in(&command.program, Some(&path), &dir)
            .with_context(|| format!("no `{}` on the PATH", command.program))?;
        let mut start = duct::cmd(program, &command.args).dir(dir).env("PATH", path).stdin_null();
        if env::var_os("CI").is_some() {
            // Nobody builds here again: half the disk, and less to write.
            start = start.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
        }
        Ok(command.env.iter().fold(start, |expression, (name, value)| expression.env(name, value)))
    }

    fn path(&self) -> Result<OsString> {
        let users = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(self.tool_dirs.iter().cloned().chain(env::split_paths(&users)))?)
    }

    /// That the disk is all but full, in which case a linker or a test fails with anything but these words.
    fn disk_hint(&self) -> String {
        match fs4::available_space(&self.root) {
            Ok(left) if left < SCARCE => {
                format!("\nof this disk only {} MiB are left: that may be why", left >> 20)
            }
            _ => String::new(),
        }
    }

    /// What a user has to put before the PATH to repeat a command by hand.
    fn path_hint(&self) -> String {
        let fetched = self.tool_dirs.iter().filter(|dir| dir.exists());
        let dirs: Vec<String> = fetched.map(|dir| format!("{}:", dir.display())).collect();
        if dirs.is_empty() { String::new() } else { format!("\nwith: export PATH={}$PATH", dirs.concat()) }
    }
}
