import pytest

from conftest import TopicPartition
from newsfeed.events.tests.conftest import Send
from newsfeed.kafka import readers, topic_admin
from newsfeed.kafka.readers import read_once
from newsfeed.kafka.topics import Topic
from tests.names import own

pytestmark = pytest.mark.usefixtures("topics")


def _first_five(send: Send) -> tuple[TopicPartition, int]:
    """A partition with five records more, and where they begin."""
    partition = TopicPartition(Topic.FEED.today(), 0)
    first = topic_admin.offsets(partition.topic)[partition][1]
    send(1, 2, 3, 4, 5)
    return partition, first


def test_it_reads_from_the_first_offset_up_to_the_last(send: Send) -> None:
    partition, first = _first_five(send)
    batches = read_once({partition: (first + 1, first + 3)})
    assert [raw.offset - first for batch in batches for raw in batch] == [1, 2]
    batches = read_once({partition: (first, first + 5)})
    assert [raw.offset - first for batch in batches for raw in batch] == [0, 1, 2, 3, 4]
    assert list(read_once({partition: (first, first)})) == []


def test_it_gives_up_when_nothing_comes(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SILENT_SECONDS", 0)
    monkeypatch.setattr(readers, "POLL_SECONDS", 0.1)
    partition, first = _first_five(send)
    nowhere = TopicPartition(own("events-missing"), 0)
    with pytest.raises(topic_admin.BrokerUnavailable, match="no record for"):
        list(read_once({nowhere: (0, 1)}))
    monkeypatch.undo()
    assert len(list(read_once({partition: (first, first + 5)}))) == 1
