"""A misspelt setting, class or value ends in one sentence with the name that was meant."""

import pytest

from chaos_lightning.commands import main

SENTENCES = [
    (["--model.gian", "3"], "model: there is no setting of TwoLayer called gian: did you mean gain?"),
    (["--data.bach_size", "1"], "there is no setting of MNISTDataModule called bach_size: did you mean batch_size?"),
    (["--model.rule", "CentredHebian"], "there is no rule CentredHebian: did you mean CentredHebbian?"),
    (["--model.rule", "nowhere.Rule"], "there is no module nowhere: start in the folder of nowhere.py"),
    (["--model.rule", "CentredHebbian", "--model.rule.centring", "1"], "did you mean centering?"),
    (["--model.rule.l1", "x"], "model.rule.l1 must be of type float, but is x"),
    (["--model.rate", "tnah"], "there is no rate tnah: did you mean tanh?"),
    (["--model.wiring", '[{"lower": 0, "uper": 1}]'], "no setting of Connection called uper: did you mean upper?"),
    (["--model.wiring", "3"], "model.wiring must be of type list, but is 3"),
    (["--model.gain", "abc"], "model.gain must be of type float, but is abc"),
    (["--model.optimizer", "Adm"], "model.optimizer is Adm, which is no class"),
    (["--model.optimizer.lrr", "3"], "there is no setting of SGD called lrr: did you mean lr?"),
    *(
        ([f"--model.{name}", "0.1"], "a setting of the learning rule now: --model.rule")
        for name in ("centering", "reclamp", "bias_rate", "l1")
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), SENTENCES)
def test_the_sentence_names_the_setting_and_what_was_meant(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["fit", *arguments])
    said = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    assert sentence in said[-1]
    assert len(said) == 2  # the other line says how to get help


def test_a_config_of_an_earlier_version_is_told_the_new_spelling(tmp_path, capsys):
    config = "model:\n  class_path: chaos_lightning.TwoLayer\n  init_args:\n    centering: 0.02\n    reclamp: true\n"
    (tmp_path / "old.yaml").write_text(config)
    with pytest.raises(SystemExit):
        main(["fit", "--config", str(tmp_path / "old.yaml")])
    assert "--model.rule CentredHebbian --model.rule.centering VALUE" in capsys.readouterr().err
