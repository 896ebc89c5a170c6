//! A server in its box, which knows where the console is, does not reach it.

use std::fs;

use crate::desk::Console;
use crate::stage::{Gateway, Stage, answering};

#[test]
fn a_server_in_its_box_does_not_reach_the_console() {
    let stage = Stage::new();
    let console = Console::start(&stage);
    let (name, port) = console.host.split_once(':').unwrap();
    let answers = stage.project().join("answers");
    let ask = |host: &str, port: &str| {
        format!(
            "( exec 3<>/dev/tcp/{host}/{port} && printf 'GET / HTTP/1.1\\r\\nHost: {}\\r\\n\\r\\n' >&3 \
             && head -n 1 <&3 | tr -d '\\r' || echo nothing at {host} ) 2>/dev/null\n",
            console.host
        )
    };
    let through = format!(
        "( exec 3<>/dev/tcp/127.0.0.1/3128 \
         && printf 'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n' >&3 \
         && head -n 1 <&3 | tr -d '\\r' || echo no proxy ) 2>/dev/null\n"
    );
    let script = [
        format!("exec >'{}'\n", answers.display()),
        ask("127.0.0.1", port),
        ask(name, port),
        ask("localhost", port),
        through,
    ];
    let file = stage.project().join("calls.bash");
    fs::write(&file, script.concat()).unwrap();
    let before = format!("bash '{}' </dev/null", file.display());
    for (network, proxy) in [("none", "no proxy"), ("here.test", "HTTP/1.1 403 Forbidden")] {
        let options = ["--root", &stage.root(), "--network", network];
        let mut gateway = Gateway::start(stage.run(&options, &answering::server(&before)), None);
        gateway.shakes_hands();
        assert_eq!(gateway.leave().code, 0);
        let came = fs::read_to_string(&answers).unwrap();
        let expect = ["127.0.0.1", name, "localhost"].map(|host| format!("nothing at {host}\n"));
        assert_eq!(came, format!("{}{proxy}\n", expect.concat()), "--network {network}");
    }
    // From outside of a box the same words reach it.
    let mut outside = crate::stage::start("bash");
    outside.arg(&file);
    assert_eq!(crate::stage::finish(outside).code, 0);
    let came = fs::read_to_string(&answers).unwrap();
    assert!(came.starts_with("HTTP/1.1 "), "{came}");
}
