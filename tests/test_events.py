from kgcv.events import Broadcast, Message, Recorder, Silent, never_stop


def test_a_broadcast_tells_everyone_in_order():
    first, second = Recorder(), Recorder()
    Broadcast((first, Silent(), second)).report(Message("a"))
    assert first.events == second.events == [Message("a")]


def test_never_stop():
    assert never_stop() is None
