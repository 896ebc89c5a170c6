//! Where a value can do harm: one table for each language.

mod documents;
mod go;
mod programs;
mod rust;

use crate::evidence::source::Sink;

use super::ir::At;
use super::taint::World;
use super::taint::value::{Args, Id, Node};

/// A call of somebody else's function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Its dotted name, as far as it is known.
    pub(super) path: &'a str,
    /// The last word of it.
    pub(super) method: &'a str,
    /// What it is a method of.
    pub(super) recv: Option<Id>,
    pub(super) args: &'a Args,
    pub(super) at: At,
}

/// What is known of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It comes from outside: not from the arguments.
    Elsewhere,
    Unknown,
}

/// Which arguments arrive: a position, or a name.
type Which = &'static [Place];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At(usize),
    Named(&'static str),
    /// What the method is called on.
    Recv,
    All,
    /// This one, and all behind it.
    From(usize),
    /// What the first argument, an object, has under this name.
    Field(&'static str),
}

use Place::{All, At as Nth, Field, From, Named, Recv};

/// What a row's name is held against.
#[derive(Debug, Clone, Copy)]
enum Match {
    /// The whole dotted name.
    Path(&'static str),
    /// The beginning of it.
    Below(&'static str),
    /// A method of something that was made as a path.
    OfPath(&'static str),
}

use Match::{Below, OfPath, Path};

type Row = (Match, Sink, Which);

const FIRST: Which = &[Nth(0), Named("file"), Named("path"), Named("name"), Named("filename")];
const BOTH: Which = &[Nth(0), Nth(1), Named("src"), Named("dst")];
const RECV: Which = &[Recv];
const COMMAND: Which = &[Nth(0), Named("args"), Named("cmd")];
const URL: Which = &[Nth(0), Named("url")];
const URL_SECOND: Which = &[Nth(1), Named("url")];
/// A server that somebody else starts.
const SERVER: Which = &[Named("command"), Named("args")];
const TWO: Which = &[Nth(0), Nth(1)];

#[rustfmt::skip]
const PYTHON: &[Row] = &[
    (Path("open"), Sink::FileRead, FIRST), (Path("io.open"), Sink::FileRead, FIRST), (Path("os.open"), Sink::FileRead, FIRST),
    (Path("aiofiles.open"), Sink::FileRead, FIRST), (Path("anyio.open_file"), Sink::FileRead, FIRST), (Path("codecs.open"), Sink::FileRead, FIRST),
    (Path("gzip.open"), Sink::FileRead, FIRST), (Path("zipfile.ZipFile"), Sink::FileRead, FIRST), (Path("tarfile.open"), Sink::FileRead, FIRST),
    (Path("os.listdir"), Sink::FileRead, FIRST), (Path("os.scandir"), Sink::FileRead, FIRST), (Path("os.walk"), Sink::FileRead, FIRST),
    (Path("glob.glob"), Sink::FileRead, FIRST), (Path("glob.iglob"), Sink::FileRead, FIRST), (Path("os.readlink"), Sink::FileRead, FIRST),
    (Path("linecache.getlines"), Sink::FileRead, FIRST), (Path("PIL.Image.open"), Sink::FileRead, FIRST),
    (Path("pandas.read_csv"), Sink::FileRead, FIRST), (Path("pandas.read_excel"), Sink::FileRead, FIRST),
    (OfPath("read_text"), Sink::FileRead, RECV), (OfPath("read_bytes"), Sink::FileRead, RECV), (OfPath("open"), Sink::FileRead, RECV),
    (OfPath("iterdir"), Sink::FileRead, RECV), (OfPath("glob"), Sink::FileRead, RECV), (OfPath("rglob"), Sink::FileRead, RECV),
    (OfPath("write_text"), Sink::FileWrite, RECV), (OfPath("write_bytes"), Sink::FileWrite, RECV), (OfPath("unlink"), Sink::FileWrite, RECV),
    (OfPath("mkdir"), Sink::FileWrite, RECV), (OfPath("rmdir"), Sink::FileWrite, RECV), (OfPath("touch"), Sink::FileWrite, RECV),
    (OfPath("symlink_to"), Sink::FileWrite, &[Recv, Nth(0)]), (OfPath("chmod"), Sink::FileWrite, RECV), (OfPath("rename"), Sink::FileWrite, &[Recv, Nth(0)]),
    (Path("os.remove"), Sink::FileWrite, FIRST), (Path("os.unlink"), Sink::FileWrite, FIRST), (Path("os.rmdir"), Sink::FileWrite, FIRST),
    (Path("os.mkdir"), Sink::FileWrite, FIRST), (Path("os.makedirs"), Sink::FileWrite, FIRST), (Path("os.rename"), Sink::FileWrite, BOTH),
    (Path("os.replace"), Sink::FileWrite, BOTH), (Path("os.symlink"), Sink::FileWrite, BOTH), (Path("os.link"), Sink::FileWrite, BOTH),
    (Path("os.chmod"), Sink::FileWrite, FIRST), (Path("os.chown"), Sink::FileWrite, FIRST), (Path("os.truncate"), Sink::FileWrite, FIRST),
    (Path("shutil.copy"), Sink::FileWrite, BOTH), (Path("shutil.copy2"), Sink::FileWrite, BOTH), (Path("shutil.copyfile"), Sink::FileWrite, BOTH),
    (Path("shutil.copytree"), Sink::FileWrite, BOTH), (Path("shutil.move"), Sink::FileWrite, BOTH), (Path("shutil.rmtree"), Sink::FileWrite, FIRST),
    (Path("shutil.unpack_archive"), Sink::FileWrite, BOTH), (Path("git.Repo.init"), Sink::FileWrite, FIRST),
    (Path("git.Repo"), Sink::FileRead, FIRST), (Path("git.Repo.clone_from"), Sink::Url, FIRST),
    (Path("subprocess.run"), Sink::Process, COMMAND), (Path("subprocess.Popen"), Sink::Process, COMMAND), (Path("subprocess.call"), Sink::Process, COMMAND),
    (Path("subprocess.check_call"), Sink::Process, COMMAND), (Path("subprocess.check_output"), Sink::Process, COMMAND),
    (Path("subprocess.getoutput"), Sink::Shell, COMMAND), (Path("subprocess.getstatusoutput"), Sink::Shell, COMMAND),
    (Path("os.system"), Sink::Shell, &[Nth(0)]), (Path("os.popen"), Sink::Shell, &[Nth(0)]), (Path("commands.getoutput"), Sink::Shell, &[Nth(0)]),
    (Path("asyncio.subprocess.create_subprocess_shell"), Sink::Shell, COMMAND), (Path("asyncio.subprocess.create_subprocess_exec"), Sink::Process, &[All]),
    (Path("pty.spawn"), Sink::Process, COMMAND), (Path("invoke.run"), Sink::Shell, &[Nth(0)]), (Path("fabric.run"), Sink::Shell, &[Nth(0)]),
    (Path("os.execl"), Sink::Process, &[All]), (Path("os.execlp"), Sink::Process, &[All]), (Path("os.execve"), Sink::Process, TWO), (Path("os.execvpe"), Sink::Process, TWO),
    (Path("os.spawnl"), Sink::Process, &[From(1)]), (Path("os.spawnlp"), Sink::Process, &[From(1)]), (Path("os.spawnvp"), Sink::Process, &[From(1)]),
    (Path("os.posix_spawn"), Sink::Process, TWO), (Path("pandas.eval"), Sink::Code, &[Nth(0)]), (Path("sympy.sympify"), Sink::Code, &[Nth(0)]),
    (Path("sympy.parse_expr"), Sink::Code, &[Nth(0)]), (Path("sympy.parsing.sympy_parser.parse_expr"), Sink::Code, &[Nth(0)]), (Path("numexpr.evaluate"), Sink::Code, &[Nth(0)]),
    (Path("pandas.read_json"), Sink::FileRead, FIRST), (Path("pandas.read_parquet"), Sink::FileRead, FIRST), (Path("pandas.read_pickle"), Sink::FileRead, FIRST),
    (Path("numpy.load"), Sink::FileRead, FIRST), (Path("numpy.loadtxt"), Sink::FileRead, FIRST), (Path("fileinput.input"), Sink::FileRead, &[Nth(0), Named("files")]),
    (Path("sqlite3.connect"), Sink::FileRead, &[Nth(0), Named("database")]), (Path("duckdb.connect"), Sink::FileRead, &[Nth(0), Named("database")]),
    (Path("http.client.HTTPConnection"), Sink::Url, &[Nth(0), Named("host")]), (Path("http.client.HTTPSConnection"), Sink::Url, &[Nth(0), Named("host")]),
    (Path("socket.create_connection"), Sink::Url, &[Nth(0), Named("address")]), (Path("asyncio.open_connection"), Sink::Url, &[Nth(0), Named("host")]),
    (Path("asyncio.create_subprocess_shell"), Sink::Shell, COMMAND), (Path("asyncio.create_subprocess_exec"), Sink::Process, &[All]),
    (Path("anyio.run_process"), Sink::Process, COMMAND), (Path("anyio.open_process"), Sink::Process, COMMAND),
    (Path("mcp.StdioServerParameters"), Sink::Process, SERVER), (Path("mcp.client.stdio.StdioServerParameters"), Sink::Process, SERVER),
    (Path("pexpect.spawn"), Sink::Process, COMMAND), (Path("pexpect.run"), Sink::Process, COMMAND),
    (Path("os.execv"), Sink::Process, TWO), (Path("os.execvp"), Sink::Process, TWO), (Path("os.spawnv"), Sink::Process, &[All]),
    (Path("sqlalchemy.text"), Sink::Sql, &[Nth(0), Named("text")]), (Path("pandas.read_sql"), Sink::Sql, &[Nth(0), Named("sql")]),
    (Path("pandas.read_sql_query"), Sink::Sql, &[Nth(0), Named("sql")]), (Path("duckdb.sql"), Sink::Sql, &[Nth(0)]), (Path("duckdb.query"), Sink::Sql, &[Nth(0)]),
    (Path("eval"), Sink::Code, &[Nth(0)]), (Path("exec"), Sink::Code, &[Nth(0)]), (Path("compile"), Sink::Code, &[Nth(0)]),
    (Path("importlib.util.spec_from_file_location"), Sink::Code, &[Nth(1), Named("location")]), (Path("imp.load_source"), Sink::Code, &[Nth(1)]),
    (Path("importlib.machinery.SourceFileLoader"), Sink::Code, &[Nth(1), Named("path")]),
    (Path("__import__"), Sink::Code, &[Nth(0)]), (Path("importlib.import_module"), Sink::Code, &[Nth(0)]), (Path("runpy.run_path"), Sink::Code, &[Nth(0)]),
    (Path("builtins.exec"), Sink::Code, &[Nth(0)]), (Path("builtins.eval"), Sink::Code, &[Nth(0)]),
    (Path("jinja2.Template"), Sink::Template, &[Nth(0)]), (Path("mako.template.Template"), Sink::Template, &[Nth(0), Named("text")]),
    (Path("Cheetah.Template.Template"), Sink::Template, &[Nth(0), Named("source")]), (Path("flask.render_template_string"), Sink::Template, &[Nth(0)]),
    (Path("jinja2.Environment().from_string"), Sink::Template, &[Nth(0)]), (Path("django.template.Template"), Sink::Template, &[Nth(0)]),
    (Path("urllib.request.urlopen"), Sink::Url, URL), (Path("urllib.request.Request"), Sink::Url, URL), (Path("urllib.request.urlretrieve"), Sink::Url, URL),
    (Path("pickle.loads"), Sink::Deserialise, &[Nth(0)]), (Path("pickle.load"), Sink::Deserialise, &[Nth(0)]), (Path("dill.loads"), Sink::Deserialise, &[Nth(0)]),
    (Path("cloudpickle.loads"), Sink::Deserialise, &[Nth(0)]), (Path("marshal.loads"), Sink::Deserialise, &[Nth(0)]), (Path("shelve.open"), Sink::Deserialise, &[Nth(0)]),
    (Path("jsonpickle.decode"), Sink::Deserialise, &[Nth(0)]), (Path("torch.load"), Sink::Deserialise, &[Nth(0)]), (Path("joblib.load"), Sink::Deserialise, &[Nth(0)]),
    (Path("yaml.load"), Sink::Deserialise, &[Nth(0)]), (Path("yaml.unsafe_load"), Sink::Deserialise, &[Nth(0)]), (Path("yaml.full_load"), Sink::Deserialise, &[Nth(0)]),
    (Path("re.compile"), Sink::Pattern, &[Nth(0)]), (Path("re.match"), Sink::Pattern, &[Nth(0)]), (Path("re.search"), Sink::Pattern, &[Nth(0)]),
    (Path("re.fullmatch"), Sink::Pattern, &[Nth(0)]), (Path("re.findall"), Sink::Pattern, &[Nth(0)]), (Path("re.finditer"), Sink::Pattern, &[Nth(0)]),
    (Path("re.sub"), Sink::Pattern, &[Nth(0)]), (Path("re.split"), Sink::Pattern, &[Nth(0)]),
    (Path("code.InteractiveInterpreter().runsource"), Sink::Code, &[Nth(0)]), (Path("code.InteractiveInterpreter().runcode"), Sink::Code, &[Nth(0)]),
    (Path("code.InteractiveConsole().push"), Sink::Code, &[Nth(0)]), (Path("code.InteractiveConsole().runsource"), Sink::Code, &[Nth(0)]),
    (Path("timeit.timeit"), Sink::Code, &[Nth(0), Named("stmt"), Named("setup")]), (Path("trio.run_process"), Sink::Process, COMMAND),
    (Path("httpx.Client"), Sink::Url, &[Named("base_url")]), (Path("httpx.AsyncClient"), Sink::Url, &[Named("base_url")]), (Path("aiohttp.ClientSession"), Sink::Url, &[Nth(0), Named("base_url")]),
    (Below("logging."), Sink::Log, &[All]),
];

#[rustfmt::skip]
const SCRIPT: &[Row] = &[
    (Path("fs.readFile"), Sink::FileRead, FIRST), (Path("fs.readFileSync"), Sink::FileRead, FIRST), (Path("fs.createReadStream"), Sink::FileRead, FIRST),
    (Path("fs.readdir"), Sink::FileRead, FIRST), (Path("fs.readdirSync"), Sink::FileRead, FIRST), (Path("fs.readlink"), Sink::FileRead, FIRST),
    (Path("fs.opendirSync"), Sink::FileRead, FIRST), (Path("fs.accessSync"), Sink::FileRead, FIRST), (Path("fs.cpSync"), Sink::FileWrite, BOTH),
    (Path("vm.compileFunction"), Sink::Code, &[Nth(0)]), (Path("node-pty.spawn"), Sink::Process, TWO), (Path("net.connect"), Sink::Url, &[Nth(0), Nth(1)]),
    (Path("net.createConnection"), Sink::Url, &[Nth(0), Nth(1)]), (Path("undici.Client"), Sink::Url, URL), (Path("undici.Pool"), Sink::Url, URL), (Path("undici.stream"), Sink::Url, URL),
    (Path("fs.open"), Sink::FileRead, FIRST), (Path("fs.openSync"), Sink::FileRead, FIRST), (Path("fs.opendir"), Sink::FileRead, FIRST), (Path("fs.readJson"), Sink::FileRead, FIRST),
    (Path("Bun.file"), Sink::FileRead, FIRST), (Path("Deno.readTextFile"), Sink::FileRead, FIRST), (Path("Deno.readFile"), Sink::FileRead, FIRST),
    (Path("Deno.readDir"), Sink::FileRead, FIRST), (Path("glob"), Sink::FileRead, FIRST), (Path("glob.glob"), Sink::FileRead, FIRST),
    (Path("fs.writeFile"), Sink::FileWrite, FIRST), (Path("fs.writeFileSync"), Sink::FileWrite, FIRST), (Path("fs.appendFile"), Sink::FileWrite, FIRST),
    (Path("fs.appendFileSync"), Sink::FileWrite, FIRST), (Path("fs.createWriteStream"), Sink::FileWrite, FIRST), (Path("fs.mkdir"), Sink::FileWrite, FIRST),
    (Path("fs.mkdirSync"), Sink::FileWrite, FIRST), (Path("fs.rm"), Sink::FileWrite, FIRST), (Path("fs.rmSync"), Sink::FileWrite, FIRST),
    (Path("fs.rmdir"), Sink::FileWrite, FIRST), (Path("fs.rmdirSync"), Sink::FileWrite, FIRST), (Path("fs.unlink"), Sink::FileWrite, FIRST),
    (Path("fs.unlinkSync"), Sink::FileWrite, FIRST), (Path("fs.rename"), Sink::FileWrite, BOTH), (Path("fs.renameSync"), Sink::FileWrite, BOTH),
    (Path("fs.copyFile"), Sink::FileWrite, BOTH), (Path("fs.copyFileSync"), Sink::FileWrite, BOTH), (Path("fs.cp"), Sink::FileWrite, BOTH), (Path("fs.cpSync"), Sink::FileWrite, BOTH),
    (Path("fs.symlink"), Sink::FileWrite, BOTH), (Path("fs.symlinkSync"), Sink::FileWrite, BOTH), (Path("fs.link"), Sink::FileWrite, BOTH),
    (Path("fs.chmod"), Sink::FileWrite, FIRST), (Path("fs.chmodSync"), Sink::FileWrite, FIRST), (Path("fs.truncate"), Sink::FileWrite, FIRST),
    (Path("fs.outputFile"), Sink::FileWrite, FIRST), (Path("fs.ensureDir"), Sink::FileWrite, FIRST), (Path("fs.remove"), Sink::FileWrite, FIRST),
    (Path("Bun.write"), Sink::FileWrite, FIRST), (Path("Deno.writeTextFile"), Sink::FileWrite, FIRST), (Path("Deno.writeFile"), Sink::FileWrite, FIRST), (Path("Deno.remove"), Sink::FileWrite, FIRST),
    (Path("child_process.exec"), Sink::Shell, &[Nth(0)]), (Path("child_process.execSync"), Sink::Shell, &[Nth(0)]),
    (Path("child_process.execFile"), Sink::Process, TWO), (Path("child_process.execFileSync"), Sink::Process, TWO),
    (Path("child_process.spawn"), Sink::Process, TWO), (Path("child_process.spawnSync"), Sink::Process, TWO), (Path("child_process.fork"), Sink::Process, TWO),
    (Path("@modelcontextprotocol/sdk/client/stdio.js.StdioClientTransport"), Sink::Process, &[Field("command"), Field("args")]),
    (Path("execa"), Sink::Process, TWO), (Path("execa.execa"), Sink::Process, TWO), (Path("execa.execaSync"), Sink::Process, TWO),
    (Path("execa.execaCommand"), Sink::Process, &[Nth(0)]), (Path("shelljs.exec"), Sink::Shell, &[Nth(0)]), (Path("cross-spawn"), Sink::Process, TWO),
    (Path("Bun.spawn"), Sink::Process, &[Nth(0)]), (Path("Bun.spawnSync"), Sink::Process, &[Nth(0)]), (Path("Deno.Command"), Sink::Process, TWO),
    (Path("eval"), Sink::Code, &[Nth(0)]), (Path("Function"), Sink::Code, &[All]), (Path("vm.runInNewContext"), Sink::Code, &[Nth(0)]), (Path("import"), Sink::Code, &[Nth(0)]),
    (Path("vm.runInThisContext"), Sink::Code, &[Nth(0)]), (Path("vm.runInContext"), Sink::Code, &[Nth(0)]), (Path("vm.Script"), Sink::Code, &[Nth(0)]),
    (Path("require"), Sink::Code, &[Nth(0)]), (Path("handlebars.compile"), Sink::Template, &[Nth(0)]), (Path("ejs.render"), Sink::Template, &[Nth(0)]),
    (Path("pug.render"), Sink::Template, &[Nth(0)]), (Path("pug.compile"), Sink::Template, &[Nth(0)]), (Path("nunjucks.renderString"), Sink::Template, &[Nth(0)]),
    (Path("fetch"), Sink::Url, URL), (Path("node-fetch"), Sink::Url, URL), (Path("undici.fetch"), Sink::Url, URL), (Path("undici.request"), Sink::Url, URL),
    (Path("http.get"), Sink::Url, URL), (Path("https.get"), Sink::Url, URL), (Path("http.request"), Sink::Url, URL), (Path("https.request"), Sink::Url, URL), (Path("got"), Sink::Url, URL),
    (Path("axios"), Sink::Url, URL),
    (Path("js-yaml.load"), Sink::Log, &[]), (Path("node-serialize.unserialize"), Sink::Deserialise, &[Nth(0)]), (Path("v8.deserialize"), Sink::Deserialise, &[Nth(0)]),
    (Path("worker_threads.Worker"), Sink::Code, &[Nth(0)]), (Path("Object.getPrototypeOf().constructor"), Sink::Code, &[All]),
    (Path("!template"), Sink::Process, &[Nth(0)]), (Path("cross-spawn.sync"), Sink::Process, TWO), (Path("cross-spawn.spawn"), Sink::Process, TWO), (Path("node-cmd.run"), Sink::Shell, &[Nth(0)]),
    (Path("execa.execaCommandSync"), Sink::Process, &[Nth(0)]), (Path("execa.execaNode"), Sink::Process, TWO),
    (Path("RegExp"), Sink::Pattern, &[Nth(0)]),
    (Path("console.log"), Sink::Log, &[All]), (Path("console.error"), Sink::Log, &[All]), (Path("console.warn"), Sink::Log, &[All]),
    (Path("console.info"), Sink::Log, &[All]), (Path("console.debug"), Sink::Log, &[All]),
];

/// Libraries whose clients have a method for each verb of HTTP.
const HTTP: &[&str] =
    &["requests", "httpx", "aiohttp", "axios", "got", "ky", "superagent", "urllib3"];
const VERBS: &[&str] = &[
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "request",
    "stream",
    "fetch",
    "ws_connect",
];
const SQL_METHODS: &[&str] = &[
    "execute",
    "executemany",
    "executescript",
    "query",
    "prepare",
    "exec",
    "run",
    "all",
    "raw",
    "fetch",
    "fetchrow",
    "fetchval",
    "fetch_all",
    "fetch_one",
    "execute_query",
    "$queryRawUnsafe",
    "$executeRawUnsafe",
    "unsafe",
    "exec_driver_sql",
    "sql",
];
/// Names of things that speak SQL.
const SQL_NAMES: &[&str] = &[
    "db",
    "conn",
    "connection",
    "cursor",
    "cur",
    "pool",
    "client",
    "session",
    "engine",
    "database",
    "sqlite",
    "pg",
    "mysql",
    "knex",
    "prisma",
    "tx",
    "transaction",
    "con",
];
const LOGGERS: &[&str] =
    &["debug", "info", "warning", "warn", "error", "exception", "critical", "log"];

/// What a sink, or what is like one, may raise: the names under which it is caught.
fn raises(sink: Sink) -> &'static [&'static str] {
    match sink {
        Sink::FileRead | Sink::FileWrite => &["OSError"],
        Sink::Shell | Sink::Process => &["OSError", "TimeoutExpired"],
        Sink::Sql => &["SqlError"],
        Sink::Url => &["HttpError"],
        _ => &[],
    }
}

impl World<'_> {
    /// The call that a value came of.
    pub(super) fn call_of(&self, id: Id) -> Option<Asked<'_>> {
        let Node::Call(path, recv, args) = self.values.get(id) else { return None };
        let method = path.rsplit('.').next().unwrap_or_default();
        Some(Asked { path, method, recv: *recv, args, at: self.values.place(id) })
    }

    /// Whether a call is one that can do harm: what arrives there is written down.
    pub(super) fn sink(&mut self, asked: &Asked<'_>) -> Came {
        self.note_kept(asked);
        let Some((sink, which)) = self.which(asked) else { return Came::Unknown };
        let sink = self.refined(sink, asked);
        let families = raises(sink);
        // In Go and Rust an error is a value.
        if !families.is_empty() && !self.is_go(asked.at) && !self.is_rust(asked.at) {
            let caught = self.make(Node::Caught(asked.at), asked.at);
            self.throw(caught, families, asked.at);
        }
        let mut arriving = self.arriving(asked, which, sink);
        self.note_places(sink, asked, &arriving);
        if sink == Sink::Url {
            self.note_sent(asked, &arriving);
        }
        if self.handling {
            self.note_done(sink, asked, &arriving);
            self.note_open(sink, asked, &arriving);
            for (read, text) in self.run_by_programs(sink, asked) {
                self.arrives(read, asked, &[text]);
                arriving = self.without(&arriving, text, asked.at);
            }
            self.arrives(sink, asked, &arriving);
            if let Some((read, text)) = self.reads_its_input(sink, asked) {
                self.arrives(read, asked, &[text]);
            }
        }
        match sink {
            Sink::Pattern | Sink::Log => Came::Unknown,
            _ => Came::Elsewhere,
        }
    }

    /// Whether what a call gives back is not made of its arguments: it is one of those that can do harm.
    pub(super) fn comes_from_elsewhere(&self, asked: &Asked<'_>) -> bool {
        self.which(asked).is_some_and(|(sink, _)| !matches!(sink, Sink::Pattern | Sink::Log))
    }

    fn which(&self, asked: &Asked<'_>) -> Option<(Sink, Which)> {
        let go = self.is_go(asked.at);
        let in_rust = self.is_rust(asked.at);
        let rows = match (go, self.is_python(asked.at)) {
            _ if in_rust => rust::RUST,
            (true, _) => go::GO,
            (_, true) => PYTHON,
            _ => SCRIPT,
        };
        let fits = |row: &&Row| match row.0 {
            Path(path) => asked.path == path,
            Below(path) => asked.path.starts_with(path) && LOGGERS.contains(&asked.method),
            OfPath(method) => {
                asked.method == method
                    && (asked.path.starts_with("pathlib.")
                        || asked.recv.is_some_and(|it| self.is_path(it)))
            }
        };
        if let Some(row) = rows.iter().find(fits) {
            return Some((row.1, row.2));
        }
        let root = asked.path.split(['.', '(']).next().unwrap_or_default();
        if go {
            return self.which_in_go(asked, root);
        }
        if in_rust {
            return self.which_in_rust(asked, root);
        }
        // Whoever writes the format reads what its values hold: `{0.__globals__}`.
        if matches!(asked.method, "format" | "format_map")
            && self.is_python(asked.at)
            && asked.recv.is_some_and(|it| self.values.tainted(it))
        {
            return Some((Sink::Template, RECV));
        }
        if HTTP.contains(&root) && VERBS.contains(&asked.method) {
            return Some((
                Sink::Url,
                if asked.method == "request" || asked.method == "stream" {
                    URL_SECOND
                } else {
                    URL
                },
            ));
        }
        self.elsewhere(asked, root).or_else(|| self.sql(asked, root)).or_else(|| self.git(asked))
    }

    /// A method that takes SQL, of something that speaks it.
    fn sql(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        const SQL: Which = &[Nth(0), Named("sql"), Named("query"), Named("statement")];
        const SPEAKERS: &[&str] = &[
            "sqlite3",
            "psycopg2",
            "psycopg",
            "asyncpg",
            "pymysql",
            "MySQLdb",
            "mysql",
            "aiosqlite",
            "duckdb",
            "sqlalchemy",
            "pymssql",
            "pyodbc",
            "pg",
            "mysql2",
            "better-sqlite3",
            "sqlite",
            "postgres",
            "oracledb",
            "snowflake",
            "clickhouse_connect",
            "mssql",
        ];
        if !SQL_METHODS.contains(&asked.method) || asked.recv.is_none() {
            return None;
        }
        // What was prepared takes values and no SQL.
        let prepared = |it: Id| matches!(self.values.get(it), Node::Call(path, ..) if path.ends_with("prepare"));
        if asked.recv.is_some_and(prepared) {
            return None;
        }
        let speaks = SPEAKERS.contains(&root);
        let generic = matches!(
            asked.method,
            "run" | "all" | "exec" | "fetch" | "query" | "prepare" | "raw" | "sql" | "unsafe"
        );
        let named = || {
            let above = asked.path.rsplit('.').nth(1).unwrap_or_default();
            let above = above.trim_start_matches(['?', '_']).trim_end_matches("()").to_lowercase();
            let fits = |it: &&str| {
                above == **it
                    || above.ends_with(&format!("_{it}"))
                    || above.ends_with("cursor")
                    || above.ends_with("db")
            };
            SQL_NAMES.iter().any(fits)
        };
        let hidden = self.speaks_sql
            && (!generic || named())
            && !(asked.path.starts_with("re.") || root == "subprocess");
        (speaks || hidden && named()).then_some((Sink::Sql, SQL))
    }

    /// `repo.git.anything(words)` runs git with these words.
    fn git(&self, asked: &Asked<'_>) -> Option<(Sink, Which)> {
        let base = asked.path.strip_suffix(asked.method)?;
        let git =
            base.ends_with(".git.") && (base.starts_with("git.Repo") || base.starts_with('?'));
        let simple = base.starts_with("simple-git")
            && matches!(asked.method, "raw" | "clone" | "diff" | "log" | "checkout");
        (git || simple).then_some((Sink::Process, &[All]))
    }

    /// What a call is beyond its name: a shell, writing, a harmless loader.
    fn refined(&self, sink: Sink, asked: &Asked<'_>) -> Sink {
        match sink {
            Sink::Process if self.has_shell(asked) => Sink::Shell,
            // A text is a line for a shell there, a list is not.
            Sink::Process
                if asked.path.starts_with("anyio.")
                    && asked.args.first().is_some_and(|(_, it)| !self.is_words(*it)) =>
            {
                Sink::Shell
            }
            Sink::FileRead if matches!(asked.method, "open" | "openSync" | "open_file") => {
                let mode = asked.args.iter().find(|(name, _)| name.as_deref() == Some("mode"));
                let second = if asked.recv.is_some() && self.is_recv_path(asked) { 0 } else { 1 };
                let mode =
                    mode.or_else(|| asked.args.get(second).filter(|(name, _)| name.is_none()));
                let writes = mode.and_then(|(_, it)| self.values.text(*it));
                let writes = writes.is_some_and(|it| it.contains(['w', 'a', 'x', '+']));
                if writes { Sink::FileWrite } else { sink }
            }
            Sink::FileRead if asked.path == "os.OpenFile" => {
                let flags = asked.args.get(1).map(|(_, it)| *it);
                let writes =
                    |it| ["O_WRONLY", "O_RDWR", "O_CREATE"].iter().any(|w| self.holds(it, w, 6));
                if flags.is_some_and(writes) { Sink::FileWrite } else { sink }
            }
            Sink::Deserialise if asked.path == "yaml.load" => {
                let loader = asked.args.iter().skip(1).find_map(|(_, it)| self.values.path(*it));
                if loader.is_some_and(|it| it.contains("Safe") || it.contains("Base")) {
                    Sink::Log
                } else {
                    sink
                }
            }
            _ => sink,
        }
    }

    fn is_recv_path(&self, asked: &Asked<'_>) -> bool {
        asked.recv.is_some_and(|it| self.is_path(it))
    }

    fn has_shell(&self, asked: &Asked<'_>) -> bool {
        // What decides it is not seen: where one text is run, it may be a shell's.
        let text = self.is_python(asked.at)
            && asked.args.first().is_some_and(|(_, it)| !self.is_words(*it));
        let on = |id: Id| match self.values.get(id) {
            Node::Bool(yes) => *yes,
            Node::Text(_) => true,
            Node::Number(number) => number.as_ref() != "0",
            Node::Nothing => false,
            _ => text,
        };
        let named = |(name, id): &(Option<super::ir::Word>, Id)| {
            name.as_deref() == Some("shell") && on(*id)
        };
        let option = |id: Id| match self.values.get(id) {
            Node::Map(entries) => entries.iter().any(|(key, value)| {
                key.is_some_and(|it| self.values.text(it).is_some_and(|it| it.as_ref() == "shell"))
                    && on(*value)
            }),
            _ => false,
        };
        asked.args.iter().any(named)
            || asked.args.iter().skip(1).any(|(_, it)| option(*it))
            || self.runs_a_shell(asked)
    }

    /// Words with something else in the place of one, which was judged for itself.
    fn without(&mut self, words: &[Id], one: Id, at: At) -> Vec<Id> {
        let other = self.make(Node::Text("-".into()), at);
        let mut left = Vec::new();
        for word in words {
            left.push(match self.values.get(*word).clone() {
                _ if *word == one => other,
                Node::List(mut items) => {
                    for (_, it) in items.iter_mut().filter(|(_, it)| *it == one) {
                        *it = other;
                    }
                    self.make(Node::List(items), at)
                }
                _ => *word,
            });
        }
        left
    }

    /// Whether a value is a list of words, on every way.
    fn is_words(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::List(_) | Node::Each(_) | Node::Tail(_) => true,
            Node::Phi(alts) => alts.iter().all(|alt| self.is_words(alt.value)),
            _ => false,
        }
    }

    /// `["sh", "-c", text]`
    fn runs_a_shell(&self, asked: &Asked<'_>) -> bool {
        let mut words = Vec::new();
        let words_only = asked.args.iter().filter(|it| it.0.as_deref() != Some("stdin"));
        for (_, id) in words_only.take(3) {
            match self.values.get(*id) {
                Node::List(items) => {
                    words.extend(items.iter().take(3).filter_map(|(_, it)| self.values.text(*it)))
                }
                Node::Text(text) => words.push(text),
                // On one system this one, on another that one.
                Node::Phi(alts) => {
                    words.extend(alts.iter().find_map(|it| self.values.text(it.value)));
                }
                _ => {}
            }
        }
        let of_library = asked.path.strip_prefix("sh.").filter(|_| self.is_python(asked.at));
        let first = of_library.or(words.first().map(std::convert::AsRef::as_ref));
        let shell = first.is_some_and(|it| {
            let name = it.rsplit('/').next().unwrap_or_default();
            matches!(
                name,
                "sh" | "bash" | "zsh" | "dash" | "cmd" | "cmd.exe" | "powershell" | "pwsh"
            )
        });
        shell
            && words.iter().any(|it| matches!(it.as_ref(), "-c" | "/c" | "-lc" | "-Command" | "/C"))
    }

    fn arriving(&self, asked: &Asked<'_>, which: Which, sink: Sink) -> Vec<Id> {
        let mut found = Vec::new();
        let positional: Vec<Id> = asked
            .args
            .iter()
            .filter(|(name, _)| name.is_none() || name.as_deref() == Some("*"))
            .map(|(_, id)| *id)
            .collect();
        for place in which {
            match place {
                Nth(index) => found.extend(positional.get(*index)),
                Named(word) => {
                    let named = asked.args.iter().filter(|(name, _)| name.as_deref() == Some(word));
                    found.extend(named.map(|(_, id)| *id));
                }
                Recv => found.extend(asked.recv),
                Field(word) => {
                    let first = positional.first().copied();
                    found.extend(first.and_then(|it| self.field_of(it, &(*word).into())));
                }
                From(index) => found.extend(positional.iter().skip(*index)),
                // Of a program's words, what has a name of its own is none.
                All if sink == Sink::Process => found.extend(&positional),
                All => found.extend(asked.args.iter().map(|(_, id)| *id)),
            }
        }
        found
    }
}
