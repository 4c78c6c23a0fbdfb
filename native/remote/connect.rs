//! A connection to a store: to one server, to the primary that Sentinels name, or to a cluster. Names are resolved here,
//! on the thread of the runtime.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::digest;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
};

use super::script::{GATHER, Granted, TAKE};
use super::store::Ask;
use crate::snapshot::plan::{PlanStore, PlanStoreKind, PlanStoreNode};

/// Connecting, authenticating and finding out who is primary may take so long in all.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many gateways the store forgets within when they no longer say that they are there.
const PRESENT_MS: u64 = 15_000;

static TAKE_NAME: LazyLock<String> = LazyLock::new(|| name_of(TAKE));

/// The name under which Redis keeps a script that it has seen.
fn name_of(script: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The script is to be sent whole.
    Unknown,
    /// This server takes no writes any more: find out who does.
    Demoted,
    Refused,
}

/// How a call names its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    Short,
    Whole,
}

#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub async fn open(plan: &PlanStore) -> RedisResult<Link> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // Whoever calls has a clock of its own.
            .set_response_timeout(None);
        match plan.kind {
            PlanStoreKind::Single => {
                let node = plan.nodes.first().ok_or_else(no_node)?;
                let info = info(plan, node)?;
                let client = match plan.tls {
                    true => Client::build_with_tls(info, certificates(plan))?,
                    false => Client::open(info)?,
                };
                Ok(Link::One(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            PlanStoreKind::Sentinel => {
                let client = sentinel(plan)?.async_get_client().await?;
                Ok(Link::One(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            PlanStoreKind::Cluster => Ok(Link::Cluster(cluster(plan)?.get_async_connection().await?)),
        }
    }

    /// Calls of a cluster go one by one, since each goes to the node of its key.
    pub fn is_cluster(&self) -> bool {
        matches!(self, Link::Cluster(_))
    }

    /// One answer for each of `asks`, in their order.
    pub async fn take(&mut self, asks: &[Ask], how: Wording) -> RedisResult<Vec<Result<Granted, Fault>>> {
        match self {
            Link::One(connection) => {
                let mut pipeline = Pipeline::with_capacity(asks.len());
                for ask in asks {
                    pipeline.add_command(command(ask, how));
                }
                let values = connection.send_packed_commands(&pipeline, 0, asks.len()).await?;
                Ok(values.iter().map(read).collect())
            }
            Link::Cluster(connection) => {
                let mut answers = Vec::with_capacity(asks.len());
                for ask in asks {
                    answers.push(match connection.req_packed_command(&command(ask, how)).await {
                        Ok(value) => read(&value),
                        Err(error) if error.code().is_some() => Err(fault(error.code())),
                        Err(error) => return Err(error),
                    });
                }
                Ok(answers)
            }
        }
    }

    /// Tells the store that this gateway is there, or is leaving; gives how many are.
    pub async fn gather(&mut self, prefix: &str, me: &str, stays: bool) -> RedisResult<u32> {
        let holds = if stays { PRESENT_MS } else { 0 };
        let mut command = redis::cmd("EVAL");
        command.arg(GATHER).arg(1).arg(format!("{prefix}gateways")).arg(me).arg(holds);
        let value = match self {
            Link::One(connection) => connection.req_packed_command(&command).await?,
            Link::Cluster(connection) => connection.req_packed_command(&command).await?,
        };
        match value {
            Value::Int(count) => Ok(u32::try_from(count).unwrap_or(1)),
            Value::ServerError(error) => Err(error.into()),
            _ => Err(unexpected()),
        }
    }
}

/// The address of the primary that the Sentinels of a store name; none where there are no Sentinels.
pub(super) async fn primary(plan: &PlanStore) -> RedisResult<Option<String>> {
    if plan.kind != PlanStoreKind::Sentinel {
        return Ok(None);
    }
    let client = sentinel(plan)?.async_get_client().await?;
    Ok(Some(client.get_connection_info().addr().to_string()))
}

fn command(ask: &Ask, how: Wording) -> Cmd {
    let (verb, script) = match how {
        Wording::Short => ("EVALSHA", TAKE_NAME.as_str()),
        Wording::Whole => ("EVAL", TAKE),
    };
    let mut command = redis::cmd(verb);
    command.arg(script).arg(1).arg(ask.name.key());
    command.arg(ask.rate.tokens).arg(ask.rate.per_micros).arg(ask.rate.burst);
    command.arg(ask.amount.want).arg(ask.amount.least).arg(ask.amount.back);
    command
}

fn read(value: &Value) -> Result<Granted, Fault> {
    match value {
        Value::Array(values) => match values[..] {
            [Value::Int(tokens), Value::Int(left), Value::Int(wait)] => {
                Granted::read([tokens, left, wait]).ok_or(Fault::Refused)
            }
            _ => Err(Fault::Refused),
        },
        Value::ServerError(error) => Err(fault(Some(error.code()))),
        _ => Err(Fault::Refused),
    }
}

fn fault(code: Option<&str>) -> Fault {
    match code {
        Some("NOSCRIPT") => Fault::Unknown,
        Some("READONLY" | "MASTERDOWN") => Fault::Demoted,
        _ => Fault::Refused,
    }
}

fn info(plan: &PlanStore, node: &PlanStoreNode) -> RedisResult<ConnectionInfo> {
    Ok(address(plan, node)
        .into_connection_info()?
        .set_tcp_settings(tcp())
        .set_redis_settings(credentials(plan)))
}

fn address(plan: &PlanStore, node: &PlanStoreNode) -> ConnectionAddr {
    let (host, port) = (node.host.clone(), node.port);
    match plan.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

/// A pipeline is written at once, and nothing shall wait for more to fill a segment.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn credentials(plan: &PlanStore) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_db(i64::from(plan.database));
    if let Some(username) = &plan.username {
        info = info.set_username(username);
    }
    if let Some(password) = &plan.password {
        info = info.set_password(&password.0);
    }
    info
}

/// Without authorities of the plan, those of the machine.
fn certificates(plan: &PlanStore) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: plan.ca_pem.as_ref().map(|pem| pem.as_bytes().to_vec()) }
}

fn sentinel(plan: &PlanStore) -> RedisResult<SentinelClient> {
    let addresses = plan.nodes.iter().map(|node| address(plan, node));
    let primary = plan.primary.as_deref().unwrap_or_default();
    let mut builder = SentinelClientBuilder::new(addresses, primary, SentinelServerType::Master)?
        .set_client_to_redis_db(i64::from(plan.database))
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    if let Some(username) = &plan.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &plan.password {
        builder = builder.set_client_to_redis_password(&password.0);
    }
    if plan.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates(plan))
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates(plan));
    }
    builder.build()
}

fn cluster(plan: &PlanStore) -> RedisResult<ClusterClient> {
    let nodes = plan.nodes.iter().map(|node| info(plan, node)).collect::<RedisResult<Vec<_>>>()?;
    let mut builder = ClusterClientBuilder::new(nodes)
        .tcp_settings(tcp())
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(CONNECT_TIMEOUT)
        // A key that moved is asked for where it is now.
        .retries(3);
    if plan.tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates(plan));
    }
    builder.build()
}

fn no_node() -> RedisError {
    RedisError::from((redis::ErrorKind::InvalidClientConfig, "a store has a node"))
}

fn unexpected() -> RedisError {
    RedisError::from((redis::ErrorKind::UnexpectedReturnType, "not what the script answers"))
}
