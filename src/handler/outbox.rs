//! Publishes pending notices, as messages and as events, and then marks them: a notice can be published twice, but none is lost.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use crate::aws::{CheckClients, concurrently};
use crate::config::CheckConfig;
use crate::model::notice::{Notice, Sink};
use crate::model::problem::{Problem, ProblemCode};
use crate::model::record::fleet::FleetRecord;
use crate::model::record::set::AnyRecord;
use crate::model::record::{Content, Record};
use crate::notify::{Batch, Event, Message, Position, batches, calls, publish, put_events};
use crate::run::Run;
use crate::store::RecordStore;

/// The context for publishing in a run of `check`.
pub(super) struct Outbox<'a> {
    pub(super) clients: &'a CheckClients,
    pub(super) config: &'a CheckConfig,
    pub(super) store: &'a RecordStore<'a>,
    pub(super) run: Run<'a>,
}

/// The result of publishing.
#[derive(Default)]
pub(super) struct Published {
    /// The ids of the notices of which messages were published.
    pub(super) ids: Vec<String>,
    /// How many events were put on the bus.
    pub(super) events: usize,
    /// How many notices are still pending.
    pub(super) pending: usize,
    pub(super) errors: Vec<Problem>,
    /// How many messages SNS did not accept.
    pub(super) failed: usize,
}

/// Where each notice was published in this run.
type Done = BTreeMap<Position, Vec<Sink>>;

impl Outbox<'_> {
    /// Publishes all pending notices of these records: messages first, so that a failing bus does not delay them.
    pub(super) async fn empty(&self, records: Vec<AnyRecord>, fleets: &[FleetRecord]) -> Published {
        let mut published = Published::default();
        let mut done = Done::new();
        let is_left = |notice: &Notice| self.is_left(notice, Sink::Message);
        let batches = batches(&records, is_left, fleets, &self.config.retry_after);
        self.publish_all(&records, batches, &mut done, &mut published).await;
        self.put_events(&records, &mut done, &mut published).await;
        let mut writes = Vec::new();
        for (index, record) in records.into_iter().enumerate() {
            let marks = self.marks(index, &record, &done);
            let is_pending = |(_, sinks): &&(Notice, Vec<Sink>)| sinks.as_slice() != Sink::ALL;
            published.pending += marks.iter().filter(is_pending).count() + record.unknown_notices();
            writes.push(self.mark(record, marks));
        }
        let errors: Vec<Option<Problem>> = concurrently(stream::iter(writes)).await;
        published.errors.extend(errors.into_iter().flatten());
        published
    }

    /// Where each notice of a record has been published so far: everywhere if nothing is left.
    fn marks(&self, index: usize, record: &AnyRecord, done: &Done) -> Vec<(Notice, Vec<Sink>)> {
        let mark = |(number, notice): (usize, &Notice)| {
            let sinks = done.get(&(index, number)).cloned().unwrap_or_default();
            let is_done = self.config.sinks.left(notice).iter().all(|sink| sinks.contains(sink));
            (notice.clone(), if is_done { Sink::ALL.to_vec() } else { sinks })
        };
        record.pending_notices().iter().enumerate().map(mark).collect()
    }

    fn is_left(&self, notice: &Notice, sink: Sink) -> bool {
        self.config.sinks.left(notice).contains(&sink)
    }

    async fn publish_all(
        &self,
        records: &[AnyRecord],
        batches: Vec<Batch>,
        done: &mut Done,
        published: &mut Published,
    ) {
        let answers = stream::iter(&batches)
            .take_while(|_| std::future::ready(self.run.has_time()))
            .map(|batch| async move { (batch, self.publish(records, batch).await) });
        for (batch, answer) in concurrently(answers).await {
            match answer {
                Ok(ids) => {
                    published.ids.extend(ids);
                    for position in batch.notices.iter().chain(&batch.included) {
                        done.entry(*position).or_default().push(Sink::Message);
                    }
                }
                Err(problem) => {
                    published.failed += 1;
                    published.errors.push(problem);
                }
            }
        }
    }

    /// Publishes one message. Returns the ids of its notices.
    async fn publish(&self, records: &[AnyRecord], batch: &Batch) -> Result<Vec<String>, Problem> {
        let members = |positions: &[Position]| -> Vec<(&AnyRecord, &Notice)> {
            let member = |(index, number): &Position| {
                let record = records.get(*index)?;
                Some((record, record.pending_notices().get(*number)?))
            };
            positions.iter().filter_map(member).collect()
        };
        let (notices, included) = (members(&batch.notices), members(&batch.included));
        let Some(message) = Message::of_many(&notices, &included, &self.config.retry_after) else {
            return Ok(Vec::new());
        };
        let topic = &self.config.notification_topic_arn;
        publish(self.clients.sns(), topic, message).await.map_err(|error| match notices.as_slice() {
            [(record, _)] => Problem::with(ProblemCode::NotPublished, record.subject(), error),
            _ => Problem::of_run(ProblemCode::NotPublished, error.to_string()),
        })?;
        Ok(notices.iter().chain(&included).map(|(record, notice)| notice.id(record.as_ref().key())).collect())
    }

    /// Publishes the events of all records, many per call. A rejected event stays pending, alone; if the bus cannot be reached
    /// at all, the others wait as well.
    async fn put_events(&self, records: &[AnyRecord], done: &mut Done, published: &mut Published) {
        let Some(bus) = &self.config.event_bus else { return };
        let mut events = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let left = record.pending_notices().iter().enumerate().filter(|(_, it)| self.is_left(it, Sink::Event));
            events.extend(left.filter_map(|(number, notice)| {
                let event = Event::new(record.as_ref(), notice, &self.config.retry_after)?;
                Some(((index, number), event))
            }));
        }
        let mut errors = BTreeSet::new();
        for call in calls(events) {
            if !self.run.has_time() {
                break;
            }
            let (positions, events): (Vec<Position>, Vec<Event>) = call.into_iter().unzip();
            let answers = match put_events(self.clients.eventbridge(), bus, &events).await {
                Ok(answers) => answers,
                Err(error) => {
                    errors.insert(error);
                    break;
                }
            };
            for (position, answer) in positions.into_iter().zip(answers) {
                match answer {
                    Ok(()) => {
                        published.events += 1;
                        done.entry(position).or_default().push(Sink::Event);
                    }
                    Err(error) => drop(errors.insert(error)),
                }
            }
        }
        published.errors.extend(errors.into_iter().map(|error| Problem::of_run(ProblemCode::NotPublished, error)));
    }

    /// Marks the published notices of one record, in one write.
    async fn mark(&self, record: AnyRecord, marks: Vec<(Notice, Vec<Sink>)>) -> Option<Problem> {
        let subject = record.subject();
        let marked = match record {
            AnyRecord::Nodegroup(record) => self.mark_one(*record, &marks).await,
            AnyRecord::Fleet(record) => self.mark_one(record, &marks).await,
            AnyRecord::Track(record) => self.mark_one(record, &marks).await,
        };
        marked.err().map(|error| Problem::with(ProblemCode::NotRecorded, subject, error))
    }

    async fn mark_one<C: Content>(&self, mut record: Record<C>, marks: &[(Notice, Vec<Sink>)]) -> Result<(), String> {
        let mark = |record: &mut Record<C>| {
            marks.iter().for_each(|(notice, sinks)| record.mark_published(notice, sinks.as_slice()))
        };
        self.store.merge(&mut record, self.run.now, mark).await.map_err(|error| error.to_string())
    }
}
