//! The data plane's parts without Node: `count CASE N` runs one part N times inside `measured`, which callgrind counts;
//! `time` prints nanoseconds; `list` names the cases. It judges no figure: `run.mjs` does.

mod cases;
mod forwarding;
mod picks;
mod setup;
mod time;

use std::process::ExitCode;

/// One operation; the argument is its number.
pub type Operation = Box<dyn FnMut(u64)>;

/// Operations before counting begins: lazy tables are built, the token is in the cache.
const WARM_UP: u64 = 256;

/// What callgrind counts: its name is the switch.
#[inline(never)]
fn measured(operation: &mut dyn FnMut(u64), from: u64, to: u64) {
    for number in from..to {
        operation(number);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => cases::NAMES.iter().for_each(|name| println!("{name}")),
        ["time"] => time::print(),
        ["count", name, iterations] => {
            let (Some(mut operation), Ok(iterations)) = (cases::case(name), iterations.parse::<u64>()) else {
                return usage();
            };
            (0..WARM_UP).for_each(&mut *operation);
            measured(&mut *operation, WARM_UP, WARM_UP + iterations);
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: instructions list | time | count CASE ITERATIONS");
    ExitCode::from(2)
}
