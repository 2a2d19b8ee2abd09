"""The verb ``echo train-twins``: a slip is told before hours of computing."""


def test_unknown_labels_are_refused_before_clips_are_made(cardiotwin, tmp_path):
    answer = cardiotwin("echo", "train-twins", "--out", tmp_path / "twins", "--labels", "volume")
    assert answer.code == 2 and "Did you mean 'volumes'?" in answer.err
    assert not any(tmp_path.iterdir())
    answer = cardiotwin("echo", "train-twins", "--out", tmp_path / "twins", "--clips", 5)
    assert answer.code == 2 and "100" in answer.err
