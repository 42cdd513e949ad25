//! One command line: written as a person would type it in the checkout's root, and read without a shell.

use core::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// `[cd DIR &&] [NAME=VALUE…] PROGRAM [ARGUMENT…]`, with a shell's quotes and none of its other syntax.
#[derive(Debug)]
pub(crate) struct Command {
    line: String,
    /// Relative to the root; empty for the root itself.
    pub(crate) dir: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
}

impl Command {
    pub(crate) fn parse(line: impl Into<String>) -> Result<Self> {
        let line = line.into();
        let words = shell_words::split(&line).with_context(|| format!("reading `{line}`"))?;
        let (dir, words) = match words.as_slice() {
            [cd, dir, and, words @ ..] if cd == "cd" && and == "&&" => (PathBuf::from(dir), words),
            words => (PathBuf::new(), words),
        };
        let env: Vec<_> = words.iter().map_while(|word| variable(word)).collect();
        let [program, args @ ..] = words.get(env.len()..).unwrap_or_default() else {
            bail!("`{line}` names no program");
        };
        Ok(Self { dir, env, program: program.clone(), args: args.to_vec(), line })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

fn variable(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_change_folder_and_set_variables() {
        let command = Command::parse("cd loom-tests && RUSTFLAGS='-D warnings' N=1 cargo test a=b").unwrap();
        assert_eq!(command.dir, PathBuf::from("loom-tests"));
        assert_eq!(command.env, [("RUSTFLAGS".into(), "-D warnings".into()), ("N".into(), "1".into())]);
        assert_eq!(command.program, "cargo");
        assert_eq!(command.args, ["test", "a=b"]);
    }

    #[test]
    fn a_line_without_a_program_is_an_error() {
        assert!(Command::parse("").is_err());
        assert!(Command::parse("cd here &&").is_err());
        assert!(Command::parse("ONLY=variables").is_err());
    }
}
