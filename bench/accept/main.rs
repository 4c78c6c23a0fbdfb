//! Compares three ways to spread connections over threads and prints the figures as JSON: how evenly they fall, how many
//! are lost when a thread or the whole server stops accepting, what an accepted connection costs. It judges none of them.

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod experiments;
#[cfg(target_os = "linux")]
mod server;

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("epoll is compared: run it on Linux");
    ExitCode::from(2)
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let is_smoke = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--smoke") => true,
        Some(_) => {
            eprintln!("usage: accept [--smoke]");
            return ExitCode::from(2);
        }
    };
    let figures = serde_json::json!({
        "threads": experiments::THREADS,
        "balance": experiments::balance(if is_smoke { 1 } else { 20 }),
        "close": experiments::close(if is_smoke { 1 } else { 60 }),
        "cost": experiments::cost(if is_smoke { 1 } else { 5 }),
    });
    println!("{figures}");
    ExitCode::SUCCESS
}
