//! The peer: JAX in a Python process that stays, so that both sides are timed in turn.

use crate::case::{Case, Measured};
use gradus_benches::{number, text};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running peer.
pub struct Jax {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    pub version: String,
}

/// What the peer says of a case that it has compiled.
pub struct Compiled {
    /// The sum of the absolute values of all results, if the function is called.
    pub sum: Option<f64>,
    /// Temporaries and results without donated memory, if they are measured.
    pub bytes: Option<f64>,
    /// Tracing, lowering and compiling, if all is done.
    pub milliseconds: Option<f64>,
}

impl Jax {
    /// Starts the peer with the interpreter that `GRADUS_PYTHON` names, or else `python3`.
    ///
    /// # Errors
    /// If there is no such interpreter, or it has no module `jax`.
    pub fn start() -> Result<Jax, String> {
        let python = std::env::var("GRADUS_PYTHON").unwrap_or_else(|_| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/cases_jax.py");
        let mut child = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{python} cannot be run: {e}"))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{python} has no pipes"));
        };
        let mut jax = Jax {
            child,
            to,
            from: BufReader::new(from),
            version: String::new(),
        };
        let hello = jax
            .line()
            .map_err(|_| format!("{python} has no module `jax`"))?;
        jax.version = text(&hello, "version").unwrap_or("?").to_string();
        Ok(jax)
    }

    /// Compiles the program of a case.
    ///
    /// # Errors
    /// The message of Python.
    pub fn compile(&mut self, case: &Case, source: &str) -> Result<Compiled, String> {
        let arguments: Vec<String> = case.arguments.iter().map(|a| a.json()).collect();
        let arguments = arguments.join(", ");
        let source = source
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let measured = match case.measured {
            Measured::Call | Measured::CallInto => "call",
            Measured::Step(_) => "step",
            Measured::Trace => "trace",
            Measured::Compile => "compile",
            Measured::Bytes(_) => "bytes",
        };
        let given = case.measured.given();
        let answer = self.ask(&format!(
            r#"{{"source": "{source}", "arguments": [{arguments}], "measured": "{measured}", "given": {given}}}"#
        ))?;
        Ok(Compiled {
            sum: number(&answer, "sum"),
            bytes: number(&answer, "bytes"),
            milliseconds: number(&answer, "compile_ms"),
        })
    }

    /// The time of what is measured of the function that was compiled last, in nanoseconds.
    ///
    /// # Errors
    /// The message of Python.
    pub fn nanoseconds(&mut self) -> Result<f64, String> {
        let answer = self.ask(r#"{"time": true}"#)?;
        number(&answer, "ns").ok_or_else(|| format!("no time in {answer}"))
    }

    fn ask(&mut self, question: &str) -> Result<String, String> {
        writeln!(self.to, "{question}").map_err(|e| e.to_string())?;
        let answer = self.line()?;
        match text(&answer, "error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err("the peer has ended".into()),
            Ok(_) => Ok(line),
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Drop for Jax {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
