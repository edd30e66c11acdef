//! Finds ONNX Runtime's library and Phasor's operator library on this machine.
//!
//! Nothing is loaded here. A library that the user names, by a flag or an environment variable, is the only candidate. Otherwise
//! ONNX Runtime is looked for beside the executable, in the active Python environment, in that of `python3`, and at last by the
//! dynamic loader under its plain name.
//!
//! A program that contains this crate may say where it keeps libraries ([`Host`]): these places take that of the executable's, which is
//! then somebody else's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Environment variable that names ONNX Runtime's library.
pub const ORT_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Environment variable that names the operator library.
pub const OPS_VARIABLE: &str = "PHASOR_OPS_LIB";
/// How long `python3` may take to say where its packages lie.
const PYTHON_PATIENCE: Duration = Duration::from_secs(10);

/// Where a program that contains this crate keeps libraries, such as a Python package.
#[derive(Clone, Debug)]
pub struct Host {
    /// What it calls itself, as in ``in the Python package``.
    pub name: &'static str,
    /// The folder of the operator library.
    pub folder: PathBuf,
    /// The folder of Python packages that has `onnxruntime` in it, or would have.
    pub packages: Option<PathBuf>,
    /// How the command line of this crate is started there: a program and its first arguments.
    pub program: Vec<OsString>,
}

static HOST: RwLock<Option<Host>> = RwLock::new(None);

/// Says where libraries are looked for from now on, instead of beside the executable.
pub fn set_host(host: Host) {
    *HOST.write().unwrap_or_else(PoisonError::into_inner) = Some(host);
}

/// How the command line of this crate is started: as the host says, or else as this process was.
pub fn program() -> Vec<OsString> {
    match host() {
        Some(host) => host.program,
        None => std::env::current_exe()
            .into_iter()
            .map(PathBuf::into_os_string)
            .collect(),
    }
}

fn host() -> Option<Host> {
    HOST.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A library that may exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file; a bare name is left to the dynamic loader.
    pub path: PathBuf,
    /// How it was found, such as ``environment variable `ORT_DYLIB_PATH` ``.
    pub origin: String,
}

/// Result of a search.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Candidates, the best first.
    pub candidates: Vec<Candidate>,
    /// Where nothing usable was found, one sentence a place.
    pub tried: Vec<String>,
}

impl Search {
    fn only(path: PathBuf, origin: String) -> Search {
        if path.is_file() {
            // A bare name would be left to the dynamic loader, which does not look where this file is.
            let path = std::path::absolute(&path).unwrap_or(path);
            Search {
                candidates: vec![Candidate { path, origin }],
                tried: Vec::new(),
            }
        } else {
            let tried = vec![format!("{origin}: no file `{}`", path.display())];
            Search {
                candidates: Vec::new(),
                tried,
            }
        }
    }

    /// The first candidate.
    ///
    /// # Errors
    /// What was tried, where there is none.
    pub fn first(self) -> Result<Candidate, String> {
        let Search { candidates, tried } = self;
        candidates
            .into_iter()
            .next()
            .ok_or_else(|| tried.join("; "))
    }

    fn folders(&mut self, folders: &[PathBuf], origin: &str, is_library: &dyn Fn(&str) -> bool) {
        let before = self.candidates.len();
        for folder in folders {
            self.folder(folder, origin, is_library);
        }
        if self.candidates.len() == before && !folders.is_empty() {
            let shown: Vec<String> = folders
                .iter()
                .map(|f| format!("`{}`", f.display()))
                .collect();
            self.tried
                .push(format!("none {origin} ({})", shown.join(", ")));
        }
    }

    fn folder(&mut self, folder: &Path, origin: &str, is_library: &dyn Fn(&str) -> bool) {
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| entries.filter_map(|e| Some(e.ok()?.path())).collect())
            .unwrap_or_default();
        found.retain(|path| {
            path.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(is_library)
                && path.is_file()
        });
        found.sort();
        self.candidates
            .extend(found.into_iter().map(|path| Candidate {
                path,
                origin: origin.to_owned(),
            }));
    }
}

/// Where ONNX Runtime may be. `flag` is the user's choice on the command line.
pub fn onnxruntime(flag: Option<&Path>) -> Search {
    if let Some(path) = flag {
        return Search::only(path.to_owned(), "as given".to_owned());
    }
    if let Some(path) = variable(ORT_VARIABLE) {
        return Search::only(path, format!("environment variable `{ORT_VARIABLE}`"));
    }
    let mut search = Search::default();
    match host() {
        Some(host) => {
            if let Some(packages) = host.packages {
                python_packages(&mut search, &packages, "packages of this Python");
            }
        }
        None => search.folders(
            &beside_executable(),
            "beside the executable",
            &is_onnxruntime,
        ),
    }
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(prefix) = variable(name) {
            for packages in site_packages(&prefix) {
                python_packages(
                    &mut search,
                    &packages,
                    &format!("Python environment `{name}`"),
                );
            }
        }
    }
    if search.candidates.is_empty() {
        match python_onnxruntime() {
            Ok(packages) => python_packages(&mut search, &packages, "packages of `python3`"),
            Err(why) => search.tried.push(why),
        }
    }
    search.candidates.push(Candidate {
        path: format!(
            "{}onnxruntime{}",
            std::env::consts::DLL_PREFIX,
            std::env::consts::DLL_SUFFIX
        )
        .into(),
        origin: "the dynamic loader".to_owned(),
    });
    search
}

/// Where Phasor's operator library may be. `flag` is the user's choice on the command line.
pub fn operators(flag: Option<&Path>) -> Search {
    if let Some(path) = flag {
        return Search::only(path.to_owned(), "as given".to_owned());
    }
    if let Some(path) = variable(OPS_VARIABLE) {
        return Search::only(path, format!("environment variable `{OPS_VARIABLE}`"));
    }
    let name = operators_file_name();
    let mut search = Search::default();
    let (folders, origin) = match host() {
        Some(host) => (vec![host.folder], format!("in {}", host.name)),
        None => (beside_executable(), "beside the executable".to_owned()),
    };
    search.folders(&folders, &origin, &|file| file == name);
    search
}

/// File name of the operator library on this system.
pub fn operators_file_name() -> String {
    format!(
        "{}phasor_ops{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    )
}

/// The value of an environment variable that names something.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The executable's folder, `lib` beside it, and cargo's `deps` under or over it.
fn beside_executable() -> Vec<PathBuf> {
    let Some(folder) = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.to_owned()))
    else {
        return Vec::new();
    };
    let mut folders = vec![folder.clone()];
    if let Some(parent) = folder.parent() {
        folders.push(parent.join("lib"));
        if folder.file_name().is_some_and(|name| name == "deps") {
            folders.push(parent.to_owned());
        }
    }
    folders.push(folder.join("deps"));
    folders.retain(|folder| folder.is_dir());
    folders
}

/// `libonnxruntime.so`, `libonnxruntime.so.1.20.1`, `libonnxruntime.1.20.1.dylib`, `onnxruntime.dll`; not the provider libraries.
fn is_onnxruntime(file: &str) -> bool {
    let Some(rest) = file
        .strip_prefix(std::env::consts::DLL_PREFIX)
        .and_then(|f| f.strip_prefix("onnxruntime"))
    else {
        return false;
    };
    let version = rest.replacen(std::env::consts::DLL_SUFFIX, "", 1);
    rest.contains(std::env::consts::DLL_SUFFIX)
        && version.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The folders of packages of a Python environment.
fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let mut folders = vec![prefix.join("Lib").join("site-packages")];
    if let Ok(entries) = std::fs::read_dir(prefix.join("lib")) {
        folders.extend(entries.filter_map(|e| Some(e.ok()?.path().join("site-packages"))));
    }
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    folders
}

/// Looks into the `onnxruntime` package of a folder of Python packages.
fn python_packages(search: &mut Search, packages: &Path, origin: &str) {
    let capi = packages.join("onnxruntime").join("capi");
    if !capi.is_dir() {
        search
            .tried
            .push(format!("none in the {origin} (`{}`)", packages.display()));
        return;
    }
    let before = search.candidates.len();
    search.folder(&capi, origin, &is_onnxruntime);
    if search.candidates.len() == before {
        let version = package_version(packages)
            .map(|v| format!(" {v}"))
            .unwrap_or_default();
        search.tried.push(format!(
            "{origin}: onnxruntime{version} in `{}` has no loadable library (Python packages before 1.20 contain none)",
            packages.display()
        ));
    }
}

fn package_version(packages: &Path) -> Option<String> {
    std::fs::read_dir(packages).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let version = name
            .strip_prefix("onnxruntime")?
            .strip_suffix(".dist-info")?;
        Some(version.rsplit('-').next()?.to_owned())
    })
}

/// Asks `python3` where its onnxruntime lies, without importing it. The answer is the folder of packages.
fn python_onnxruntime() -> Result<PathBuf, String> {
    const QUESTION: &str = "import importlib.util as u; s = u.find_spec('onnxruntime'); \
                            print(s.submodule_search_locations[0] if s else '', end='')";
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut child = Command::new(python)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("`{python}`: {e}"))?;
    let deadline = Instant::now() + PYTHON_PATIENCE;
    while child
        .try_wait()
        .map_err(|e| format!("`{python}`: {e}"))?
        .is_none()
    {
        if Instant::now() > deadline {
            // It may have ended meanwhile; either way it is not waited for.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!(
                "`{python}`: no answer within {} s",
                PYTHON_PATIENCE.as_secs()
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child
        .wait_with_output()
        .map_err(|e| format!("`{python}`: {e}"))?;
    let package = String::from_utf8_lossy(&output.stdout).into_owned();
    match Path::new(&package).parent() {
        Some(packages) if !package.is_empty() => Ok(packages.to_owned()),
        _ => Err(format!("none in the packages of `{python}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn library_names_are_told_from_their_neighbours() {
        for name in [
            "libonnxruntime.so",
            "libonnxruntime.so.1",
            "libonnxruntime.so.1.20.1",
        ] {
            assert!(is_onnxruntime(name), "{name}");
        }
        for name in [
            "libonnxruntime_providers_shared.so",
            "onnxruntime.so",
            "libonnxruntime.a",
            "libonnxruntime.so.bak",
        ] {
            assert!(!is_onnxruntime(name), "{name}");
        }
    }

    #[test]
    fn a_named_library_is_the_only_candidate() {
        let missing = Path::new("/nonexistent/libonnxruntime.so");
        let error = onnxruntime(Some(missing)).first().unwrap_err();
        assert!(error.contains("/nonexistent/libonnxruntime.so"), "{error}");
        let here = std::env::current_exe().unwrap();
        assert_eq!(operators(Some(&here)).first().unwrap().path, here);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn python_packages_with_and_without_a_library() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path();
        let mut search = Search::default();
        python_packages(&mut search, packages, "packages here");
        assert!(search.tried[0].contains("none in the"));
        std::fs::create_dir_all(packages.join("onnxruntime/capi")).unwrap();
        std::fs::create_dir(packages.join("onnxruntime-1.17.3.dist-info")).unwrap();
        python_packages(&mut search, packages, "packages here");
        assert!(
            search.tried[1].contains("onnxruntime 1.17.3")
                && search.tried[1].contains("no loadable library")
        );
        std::fs::write(
            packages.join("onnxruntime/capi/libonnxruntime.so.1.20.1"),
            b"",
        )
        .unwrap();
        python_packages(&mut search, packages, "packages here");
        assert_eq!(search.candidates.len(), 1);
    }
}
