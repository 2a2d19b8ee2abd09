"""Tiny folders with the layouts of EchoNet-Dynamic and CAMUS, of synthetic clips, for tests."""

import numpy as np

from cardiotwin.echo import Phantom, write_echo

SIZE = 64


def made_clips(n_patients, seed=5):
    """Return synthetic clips of both views of patients, four chambers first."""
    phantom = Phantom(views=("A4C", "A2C"), size=SIZE, n_frames=32, beats=(1.0, 1.1))
    return list(phantom.clips(2 * n_patients, seed))


def splits_of(counts):
    """Return TRAIN, VAL and TEST so many times each."""
    return [part for part, n in zip(("TRAIN", "VAL", "TEST"), counts, strict=True) for _ in "x" * n]


def chords_of(mask, label=1):
    """Return rows [x1, y1, x2, y2] whose filled area is a label, and the long axis before them."""
    rows = np.flatnonzero((mask == label).any(1))
    ends = [np.flatnonzero(mask[y] == label)[[0, -1]] for y in rows]
    across = [(left, y, right + 1, y) for y, (left, right) in zip(rows, ends, strict=True)]
    left, _, right, _ = across[-1]
    across.append((left, rows[-1] + 1, right, rows[-1] + 1))
    middle = np.mean(across[0][::2])
    return [(middle, rows[0], middle, rows[-1]), *across]


def write_echonet_like(root, made, counts):
    """Write the clips of four chambers as 0X0, 0X1, … in the layout of EchoNet-Dynamic."""
    (root / "Videos").mkdir(parents=True)
    listed = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    traced = ["FileName,X1,Y1,X2,Y2,Frame"]
    for number, split in enumerate(splits_of(counts)):
        one = made[2 * number]
        name, clip = f"0X{number}", one.clip
        write_echo(root / "Videos" / f"{name}.avi", clip)
        numbers = f"{one.ef_percent},{one.esv_ml},{one.edv_ml}"
        listed.append(
            f"{name},{numbers},{SIZE},{SIZE},{clip.frame_rate_hz},{clip.n_frames},{split}"
        )
        for frame in (int(one.volumes_ml.argmax()), int(one.volumes_ml.argmin())):
            for chord in chords_of(one.masks[frame]):
                traced.append(f"{name}.avi," + ",".join(map(str, chord)) + f",{frame}")
    (root / "FileList.csv").write_text("\n".join(listed) + "\n")
    (root / "VolumeTracings.csv").write_text("\n".join(traced) + "\n")


def write_camus_like(root, made, counts):
    """Write half beats of both views of patients in the newer layout of CAMUS."""
    import nibabel

    lists = root / "database_split"
    lists.mkdir(parents=True)
    splits = splits_of(counts)
    for part, name in (("TRAIN", "training"), ("VAL", "validation"), ("TEST", "testing")):
        own = [f"patient{k + 1:04d}" for k, split in enumerate(splits) if split == part]
        (lists / f"subgroup_{name}.txt").write_text("\n".join(own) + "\n")
    for number, one in enumerate(made[: 2 * sum(counts)]):
        patient, view = f"patient{number // 2 + 1:04d}", ("4CH", "2CH")[number % 2]
        folder = root / "database_nifti" / patient
        folder.mkdir(parents=True, exist_ok=True)
        first, last = sorted((int(one.volumes_ml.argmax()), int(one.volumes_ml.argmin())))
        frames, masks = one.clip.frames[first : last + 1], one.masks[first : last + 1]
        volumes = one.volumes_ml[first : last + 1]
        ed, es = int(volumes.argmax()), int(volumes.argmin())
        rate = one.clip.frame_rate_hz
        info = [f"ED: {ed + 1}", f"ES: {es + 1}", f"NbFrame: {len(frames)}", "Sex: F", "Age: 50"]
        info += [f"EF: {one.ef_percent:.3f}", f"FrameRate: {rate:.3f}"]
        (folder / f"Info_{view}.cfg").write_text("\n".join(info) + "\n")
        parts = {"half_sequence": frames, "half_sequence_gt": masks}
        for phase, frame in (("ED", ed), ("ES", es)):
            parts |= {phase: frames[[frame]], f"{phase}_gt": masks[[frame]]}
        height, width = one.clip.mm_per_pixel
        for part, values in parts.items():
            plane = values[0].T if len(values) == 1 else values.transpose(2, 1, 0)
            image = nibabel.Nifti1Image(plane, np.eye(4))
            image.header.set_zooms((width, height, 1.0)[: plane.ndim])
            image.header.set_xyzt_units("mm", "sec")
            image.to_filename(folder / f"{patient}_{view}_{part}.nii.gz")
