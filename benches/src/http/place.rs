//! What stands between the clients and the server, started anew for each measurement.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::load::Endpoint;
use crate::host::command;
use crate::process::{Family, memory};

/// Who is measured.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// Nobody: the server itself.
    Bare,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// `portcullis serve` in front of the same server, over HTTP.
    Serve,
    /// `portcullis serve` in front of the same server as a process in its box.
    ServeStdio,
    /// Something that runs already.
    Peer(String, Endpoint),
}

impl Subject {
    pub(crate) fn all(peers: &[(String, Endpoint)]) -> Vec<Self> {
        let mut all = vec![Self::Bare, Self::Nginx, Self::Serve, Self::ServeStdio];
        all.extend(peers.iter().cloned().map(|(name, endpoint)| Self::Peer(name, endpoint)));
        all
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Bare => "server bare",
            Self::Nginx => "nginx",
            Self::Serve => "portcullis",
            Self::ServeStdio => "portcullis, server in its box",
            Self::Peer(name, _) => name,
        }
    }

    /// Its processor time is known.
    pub(crate) const fn has_process(&self) -> bool {
        matches!(self, Self::Nginx | Self::Serve | Self::ServeStdio)
    }

    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self, Self::Serve | Self::ServeStdio)
    }
}

/// What runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    web: Option<Child>,
    between: Option<Child>,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Place {
    fn drop(&mut self) {
        for child in self.between.iter_mut().chain(&mut self.web) {
            // Asked first: nginx ends its workers, and a gateway its servers.
            let _ = command("kill").arg("-TERM").arg(child.id().to_string()).status();
            let until = Instant::now() + Duration::from_secs(3);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Place {
    /// Starts it; nothing when this machine does not have it.
    pub(crate) fn start(
        gateway: &Path,
        work: &Path,
        subject: &Subject,
        (events, tools): (bool, usize),
    ) -> Result<Option<Self>, String> {
        let path = if events { "/mcp/sse" } else { "/mcp" };
        if let Subject::Peer(_, endpoint) = subject {
            let endpoint = endpoint.clone();
            return Ok(Some(Self { endpoint, web: None, between: None, _folder: None }));
        }
        let folder = tempfile::tempdir_in(work).map_err(|error| error.to_string())?;
        if let Subject::ServeStdio = subject {
            let bench = std::env::current_exe().map_err(|error| error.to_string())?;
            let server = format!("command = [\"{}\", \"upstream\", \"{tools}\"]", bench.display());
            return serve(gateway, folder, None, &server).map(Some);
        }
        let (web, port) = web(tools)?;
        let endpoint = Endpoint { port, path: path.to_owned() };
        let bare = Self { endpoint, web: Some(web), between: None, _folder: None };
        match subject {
            Subject::Nginx => nginx(folder, bare),
            Subject::Serve => {
                let server = format!("url = \"http://127.0.0.1:{port}{path}\"");
                let mut bare = bare;
                serve(gateway, folder, bare.web.take(), &server).map(Some)
            }
            _ => Ok(Some(bare)),
        }
    }

    /// What stands between used until now.
    pub(crate) fn cpu(&self) -> Duration {
        self.between.as_ref().map(|child| Family::of(child.id()).ours().total).unwrap_or_default()
    }

    /// The process that stands between.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.between.as_ref().map(Child::id)
    }

    /// What is resident of it, in KiB, without the servers and their boxes.
    pub(crate) fn memory(&self) -> f64 {
        let own = self.between.as_ref().and_then(|child| memory(child.id()));
        own.map_or(f64::NAN, |memory| memory.rss_kib as f64)
    }
}

/// The server over HTTP, and its port.
fn web(tools: usize) -> Result<(Child, u16), String> {
    let failed = |error: std::io::Error| error.to_string();
    let bench = std::env::current_exe().map_err(failed)?;
    let mut web = command(bench);
    web.args(["web", &tools.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = web.spawn().map_err(failed)?;
    let mut line = String::new();
    let out = child.stdout.take().ok_or("no stdout")?;
    BufReader::new(out).read_line(&mut line).map_err(failed)?;
    let port = line.trim().parse().map_err(|_| "the server does not start".to_owned())?;
    Ok((child, port))
}

/// A benchmark is one principal, and asks more than people do.
const LIMITS: &str = "[serve.limits]\nrequests_per_minute = 10000000\nrequests = 1000\n\
                      bytes_per_minute = \"1024GiB\"";

/// Nothing is switched off: every control judges, every call writes its two records. Nobody is there
/// to be asked about the first use of a tool that may reach the open world.
fn serve(
    gateway: &Path,
    folder: tempfile::TempDir,
    web: Option<Child>,
    server: &str,
) -> Result<Place, String> {
    let failed = |error: std::io::Error| error.to_string();
    let config = format!(
        "[serve]\nlisten = \"127.0.0.1:0\"\nsessions = 2000\n{LIMITS}\n[server.bench]\n{server}\n\
         ask = \"destructive\"\nlimits = {{ calls_per_minute = 100000 }}\n"
    );
    let file = folder.path().join("portcullis.toml");
    std::fs::write(&file, config).map_err(failed)?;
    let mut start = command(gateway);
    start.arg("serve").arg("--config").arg(&file).arg("--state").arg(folder.path().join("state"));
    start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = start.spawn().map_err(failed)?;
    let mut said = BufReader::new(child.stderr.take().ok_or("no stderr")?);
    let mut line = String::new();
    said.read_line(&mut line).map_err(failed)?;
    // What it says later must not fill its pipe.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next());
    let port = port.and_then(|port| port.parse().ok()).ok_or(line)?;
    let endpoint = Endpoint { port, path: "/s/bench/mcp".to_owned() };
    Ok(Place { endpoint, web, between: Some(child), _folder: Some(folder) })
}

fn nginx(folder: tempfile::TempDir, mut bare: Place) -> Result<Option<Place>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let held = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    let port = held.local_addr().map_err(failed)?.port();
    drop(held);
    let at = folder.path().display();
    let config = format!(
        "daemon off; master_process on; worker_processes 2; pid {at}/pid; error_log {at}/error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         keepalive_requests 10000000;\n\
         upstream web {{ server 127.0.0.1:{}; keepalive 256; keepalive_requests 10000000; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://web;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }} }} }}\n",
        bare.endpoint.port
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).map_err(failed)?;
    let mut start = command("nginx");
    start.arg("-p").arg(folder.path()).arg("-c").arg(&file).arg("-e").arg(folder.path().join("e"));
    start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = start.spawn() else { return Ok(None) };
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().map_err(failed)?.is_some() || Instant::now() > until {
            let _ = child.kill();
            return Err("nginx does not start".to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let endpoint = Endpoint { port, path: bare.endpoint.path.clone() };
    let web = bare.web.take();
    Ok(Some(Place { endpoint, web, between: Some(child), _folder: Some(folder) }))
}
