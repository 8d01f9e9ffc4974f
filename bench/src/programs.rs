//! The measured programs: the function, and those that it is compared with.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use local_lambda::Settings;
use serde_json::Value;

use crate::Error;

/// A Lambda function's program.
pub struct Program {
    pub name: &'static str,
    pub path: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    /// The settings that start it.
    pub fn settings(&self, settings: Settings) -> Settings {
        let settings = self
            .arguments
            .iter()
            .fold(settings, |settings, argument| settings.argument(argument));
        self.variables.iter().fold(settings, |settings, variable| {
            settings.variable(variable.0, &variable.1)
        })
    }

    /// The sizes of the binary and its zip, in MB. `None` for a script, whose size is mostly libraries.
    pub fn sizes(&self) -> Result<Option<(f64, f64)>, Error> {
        if !self.arguments.is_empty() {
            return Ok(None);
        }
        let bytes = fs::read(&self.path)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        deflated.write_all(&bytes)?;
        let mb = |length: usize| length as f64 / 1e6;
        Ok(Some((mb(bytes.len()), mb(deflated.finish()?.len()))))
    }
}

/// The function, as it is deployed.
pub fn function() -> Result<Program, Error> {
    rust(
        "this function",
        "../Cargo.toml",
        "lightsail-snapshot-copier",
    )
}

/// A minimal function in Rust.
pub fn floor() -> Result<Program, Error> {
    rust("an empty `lambda_runtime`", "compared/Cargo.toml", "floor")
}

/// A minimal function that makes one HTTPS request for each event.
pub fn wire() -> Result<Program, Error> {
    rust("one HTTPS request", "compared/Cargo.toml", "wire")
}

/// The hello-world of the runtime's documentation.
pub fn hello() -> Result<Program, Error> {
    rust(
        "a hello-world, as documented",
        "compared/Cargo.toml",
        "hello",
    )
}

/// The same function with the SDK's defaults.
pub fn sdk_defaults() -> Result<Program, Error> {
    rust(
        "the same, SDK's defaults",
        "compared/Cargo.toml",
        "sdk-defaults",
    )
}

/// A Python script. The interpreter must have boto3 and awslambdaric.
pub fn boto3(python: &Path) -> Program {
    Program {
        name: "a boto3 script",
        path: python.to_owned(),
        arguments: ["-m", "awslambdaric", "handler.handler"]
            .map(str::to_owned)
            .into(),
        variables: vec![
            ("PYTHONPATH", here("compared/boto3").display().to_string()),
            (
                "LAMBDA_TASK_ROOT",
                here("compared/boto3").display().to_string(),
            ),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ],
    }
}

fn rust(name: &'static str, manifest: &str, package: &str) -> Result<Program, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "--package", package])
        .args(["--bin", package])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(here(manifest))
        .stderr(Stdio::inherit())
        .output()?;
    let messages = String::from_utf8(built.stdout)?;
    let path = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("{package} was not built"))?;
    Ok(Program {
        name,
        path,
        arguments: Vec::new(),
        variables: Vec::new(),
    })
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
