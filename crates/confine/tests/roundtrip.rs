//! A server in a box speaks through its pipes and ends with its code.

use std::fs::File;
use std::io::{Read, Write};

use portcullis_confine::{Level, Profile, spawn};

fn profile(command: &[&str]) -> Profile {
    let mut profile = Profile::new(command.iter().map(|&w| w.into()).collect());
    profile.launcher = Some(env!("CARGO_BIN_EXE_confine-box").into());
    profile
}

#[test]
fn cat_echoes() {
    for level in [Level::Full, Level::Landlock, Level::None] {
        let mut profile = profile(&["/bin/cat"]);
        profile.most = level;
        profile.least = level;
        let t = std::time::Instant::now();
        let confined = spawn(&profile).unwrap();
        eprintln!("{level} {:?} {:#?}", t.elapsed(), confined.achieved);
        let mut custody = confined.custody;
        File::from(confined.stdin).write_all(b"hello\n").unwrap();
        let mut said = String::new();
        File::from(confined.stdout).read_to_string(&mut said).unwrap();
        let mut complained = String::new();
        File::from(confined.stderr).read_to_string(&mut complained).unwrap();
        assert_eq!((said.as_str(), complained.as_str()), ("hello\n", ""));
        assert_eq!(custody.wait().unwrap(), portcullis_confine::Exit::Code(0));
    }
}
