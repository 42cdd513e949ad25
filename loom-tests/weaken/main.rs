//! Weakens one protocol of the library at a time, in a copy, and runs the model that must then fail.
//!
//! `cargo run --release --bin weaken [-- [--harmless] PART OF A NAME]`. It ends with 1 if a model stayed green (or, of
//! the harmless ones, did not), or if an edit does not fit the source any more (then mend `edits.rs`).

mod edits;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use edits::Weakening;

/// Much longer than any model takes: who runs that long has not failed.
const LONGEST: Duration = Duration::from_secs(300);

fn main() -> io::Result<ExitCode> {
    let (flags, words): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|word| word.starts_with("--"));
    let (weakenings, expected) = match flags.first().map(String::as_str) {
        None => (edits::all(), "red"),
        Some("--harmless") => (edits::harmless(), "green"),
        Some(flag) => return Err(io::Error::other(format!("unknown option {flag}"))),
    };
    let wanted = words.first().map_or("", String::as_str);
    let chosen: Vec<_> = weakenings.iter().filter(|weakening| weakening.name.contains(wanted)).collect();
    let copy = Copy::of(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let mut unexpected = 0;
    for (index, weakening) in (1..).zip(&chosen) {
        let began = Instant::now();
        let answer = copy.try_out(weakening)?;
        let (of, name, model) = (chosen.len(), weakening.name, weakening.model);
        println!("{index:2}/{of} {answer:<8} {name} -> {model} ({} s)", began.elapsed().as_secs());
        unexpected += u32::from(answer != expected);
    }
    println!("{} weakenings, {unexpected} of them not {expected}", chosen.len());
    Ok(if unexpected == 0 && !chosen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A copy of the library and of this package.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(package: &Path) -> io::Result<Self> {
        let target = package.join("target");
        let copy = Self { root: target.join("weaken"), target: target.join("weakened") };
        if copy.root.exists() {
            fs::remove_dir_all(&copy.root)?;
        }
        for part in ["src", "README.md", "loom-tests"] {
            copy_all(&package.join("..").join(part), &copy.root.join(part))?;
        }
        Ok(copy)
    }

    /// What became of the model: `red`, or why it is not.
    fn try_out(&self, weakening: &Weakening) -> io::Result<&'static str> {
        let (mut before, mut fits) = (Vec::new(), true);
        for edit in weakening.edits {
            let path = self.root.join("src").join(edit.file);
            let text = fs::read_to_string(&path)?;
            fits &= text.matches(edit.from).count() == 1;
            fs::write(&path, text.replacen(edit.from, edit.to, 1))?;
            before.push((path, text));
        }
        let answer = if fits { self.judge(weakening.model) } else { Ok("no fit") };
        // The last edit first: one file may have several.
        for (path, text) in before.into_iter().rev() {
            fs::write(path, text)?;
        }
        answer
    }

    fn judge(&self, model: &str) -> io::Result<&'static str> {
        let built = self.cargo(&["--no-run"]).output()?;
        if !built.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&built.stderr));
            return Ok("no build");
        }
        Ok(match run(self.cargo(&["--", "--exact", model]))? {
            None => "too long",
            Some(output) if String::from_utf8_lossy(&output.stdout).contains("running 0 tests") => "no model",
            Some(output) if output.status.success() => "green",
            Some(_) => "red",
        })
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(self.root.join("loom-tests"))
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUST_BACKTRACE", "0");
        // Most models fail at once: what takes long is the compiler.
        cargo.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        cargo.args(["test", "--release", "--test", "models"]).args(arguments);
        cargo
    }
}

/// Runs it to its end; nothing if that takes too long.
fn run(mut command: Command) -> io::Result<Option<Output>> {
    use std::process::Stdio;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.wait_with_output().map(Some)
}

/// Copies a file, or a folder without its `target`.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_file() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != "target" {
            copy_all(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}
