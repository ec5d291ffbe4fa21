//! Carries events to the other nodes and theirs to this one, by RESP3 publish and subscribe.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisError, Value, pipe};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use super::{BusEvent, Event};
use crate::ids::{Change, NodeId, RoomId};

/// Rooms are spread over this many channels, so that a cluster can spread them over its nodes.
const SHARDS: u128 = 4;
/// Events published together at most.
const BATCH: usize = 1000;
/// How long Redis may take to answer or to take a connection.
const REDIS_TIMEOUT: Duration = Duration::from_millis(1500);
/// How often it is checked whether Redis is there.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The task that talks to Redis: run it as long as the bus is used.
pub struct RedisTask {
    redis: ConnectionManager,
    /// Who publishes: what comes back of it is left out, because subscribers here had it at once.
    node: NodeId,
    /// What the names of this chat's channels begin with.
    prefix: String,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
    local: broadcast::Sender<BusEvent>,
    to_publish: mpsc::Receiver<Event>,
    up: Arc<AtomicBool>,
}

impl RedisTask {
    pub(super) fn new(
        url: &str,
        chat: &str,
        local: broadcast::Sender<BusEvent>,
        to_publish: mpsc::Receiver<Event>,
        up: Arc<AtomicBool>,
    ) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        // Pushes beside answers on one connection are RESP3's.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        let (sender, pushes) = mpsc::unbounded_channel();
        let config = ConnectionManagerConfig::new()
            .set_push_sender(sender)
            .set_number_of_retries(1)
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        let redis = ConnectionManager::new_lazy_with_config(Client::open(info)?, config)?;
        Ok(Self {
            redis,
            node: NodeId::new(),
            prefix: format!("umbrachat:{chat}"),
            pushes,
            local,
            to_publish,
            up,
        })
    }

    /// The connection, to be used for other things as well.
    pub fn connection(&self) -> ConnectionManager {
        self.redis.clone()
    }

    /// Publishes what this node says and delivers what others say, until the bus is gone. While Redis is away events are
    /// lost; when it is back, subscribers receive a resync.
    pub async fn run(mut self) {
        let mut check = interval(CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                taken = self.to_publish.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.publish(std::mem::take(&mut batch)).await;
                }
                Some(push) = self.pushes.recv() => self.receive(&push),
                _ = check.tick() => self.check().await,
            }
        }
    }

    /// One message per channel; of many changes of a room only the last.
    async fn publish(&mut self, events: Vec<Event>) {
        if !self.up.load(Ordering::Relaxed) {
            return;
        }
        let mut newest: HashMap<RoomId, Change> = HashMap::new();
        let mut messages: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for event in events {
            match event {
                Event::RoomChanged { room, change } => {
                    let last = newest.entry(room).or_default();
                    *last = (*last).max(change);
                }
                Event::RoomListChanged
                | Event::WaitingChanged { .. }
                | Event::Mentioned { .. }
                | Event::AuthorChanged { .. }
                | Event::SideBarChanged { .. }
                | Event::ReadMoved { .. }
                | Event::Typing { .. }
                | Event::Revoked
                | Event::Online { .. }
                | Event::Moved { .. } => {
                    messages.entry(self.common()).or_default().push(event);
                }
            }
        }
        for (room, change) in newest {
            messages
                .entry(self.shard(room.0.as_u128() % SHARDS))
                .or_default()
                .push(Event::RoomChanged { room, change });
        }
        let mut pipeline = pipe();
        for (channel, events) in messages {
            match serde_json::to_string(&(self.node, &events)) {
                Ok(text) => drop(pipeline.publish(channel, text).ignore()),
                Err(error) => tracing::error!(%error, "events could not be written"),
            }
        }
        if let Err(error) = pipeline.exec_async(&mut self.redis).await {
            self.lost(&error);
        }
    }

    fn receive(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Message => {
                // The last part is the message, before it stands the channel.
                let events = match push.data.last() {
                    Some(Value::BulkString(bytes)) => serde_json::from_slice::<(NodeId, Vec<Event>)>(bytes),
                    _ => return,
                };
                match events {
                    Ok((node, _)) if node == self.node => {}
                    Ok((_, events)) => events
                        .into_iter()
                        .for_each(|event| self.deliver(BusEvent::Event(event))),
                    // From a newer version, perhaps: whatever it said, a check of the database finds it.
                    Err(_) => self.deliver(BusEvent::Resync),
                }
            }
            PushKind::Disconnection => self.lost(&"disconnected"),
            _ => {}
        }
    }

    /// Sees whether Redis answers; after a time without it, subscribes anew, and everybody resyncs.
    async fn check(&mut self) {
        if self.up.load(Ordering::Relaxed) {
            if let Err(error) = redis::cmd("PING").exec_async(&mut self.redis).await {
                self.lost(&error);
            }
            return;
        }
        let mut subscribe = redis::cmd("SUBSCRIBE");
        subscribe.arg(self.common());
        for shard in 0..SHARDS {
            subscribe.arg(self.shard(shard));
        }
        if subscribe.exec_async(&mut self.redis).await.is_ok() {
            tracing::info!("listening to the other nodes over Redis");
            self.up.store(true, Ordering::Relaxed);
            self.deliver(BusEvent::Resync);
        }
    }

    fn lost(&self, reason: &dyn std::fmt::Display) {
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(%reason, "Redis is away: changes on other nodes arrive a few seconds late");
            self.deliver(BusEvent::Resync);
        }
    }

    fn deliver(&self, event: BusEvent) {
        // An error means that nobody has subscribed.
        self.local.send(event).ok();
    }

    /// The channel of what concerns no single room.
    fn common(&self) -> String {
        format!("{}:common", self.prefix)
    }

    fn shard(&self, shard: u128) -> String {
        format!("{}:rooms:{shard}", self.prefix)
    }
}
