//! Offers a fixed rate of requests over keep-alive connections and prints as JSON how long after its intended time each
//! was answered. A slow server does not slow the offer down (no coordinated omission). It speaks only as much HTTP as that
//! needs: requests without a body, answers with a length.

mod answer;
mod generator;
mod record;
#[cfg(test)]
mod tests;

use generator::Offer;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str =
    "usage: open ADDRESS:PORT CONNECTIONS REQUESTS_PER_SECOND WARM_UP_SECONDS SECONDS REQUESTS_FILE
  the file holds whole requests without bodies, one after another; they are sent in turn";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(offer) = read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match generator::run(&offer) {
        Ok(record) => {
            println!("{}", record.json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: &[String]) -> Option<Offer> {
    let [address, connections, rate, warm_up, duration, file] = arguments else { return None };
    let requests = split(&std::fs::read(file).ok()?);
    let connections = connections.parse().ok().filter(|count| (1..=60_000).contains(count))?;
    let rate = rate.parse().ok().filter(|rate| (1..=1_000_000).contains(rate))?;
    let seconds =
        |text: &String| text.parse().ok().filter(|seconds| *seconds <= 600).map(Duration::from_secs);
    Some(Offer {
        address: address.parse::<SocketAddr>().ok()?,
        connections,
        rate,
        warm_up: seconds(warm_up)?,
        duration: seconds(duration)?,
        requests: (!requests.is_empty()).then_some(requests)?,
    })
}

/// The file's requests; each ends with an empty line.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    text.split_inclusive("\r\n\r\n").map(|request| request.as_bytes().to_vec()).collect()
}
