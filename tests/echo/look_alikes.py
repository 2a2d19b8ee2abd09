"""Small files that look like those of scanners and of published data sets, written by tests."""

import numpy as np


def fan(height=60, width=72, *, apex=(1.0, None), half_degrees=40.0, far=None):
    """Return the mask of a fan that opens downward."""
    row, column = np.mgrid[:height, :width].astype(float)
    down = row - apex[0]
    across = column - (width / 2 if apex[1] is None else apex[1])
    angle = np.degrees(np.arctan2(across, down))
    return (np.hypot(down, across) < (far or 0.95 * height)) & (abs(angle) < half_degrees)


def speckle(n_frames=8, mask=None, seed=0):
    """Return grey frames of a dark cavity within moving speckle, black outside of the mask."""
    mask = fan() if mask is None else mask
    height, width = mask.shape
    row, column = np.mgrid[:height, :width]
    cavity = ((row / height - 0.45) / 0.2) ** 2 + ((column / width - 0.5) / 0.1) ** 2 < 1
    levels = np.random.default_rng(seed).integers(60, 200, (n_frames, height, width))
    return np.where(mask & ~cavity, levels, 0).astype(np.uint8)


def write_video(path, frames, *, codec, stamps, time_base, rate, pix_fmt, options=None, bits=None):
    """Write frames (grey or RGB) at the given stamps, in units of ``time_base`` seconds."""
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        if bits:
            stream.bit_rate = bits
        for picture, stamp in zip(frames, stamps, strict=True):
            layout = "gray" if picture.ndim == 2 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout)
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))


def dicom_clip(frames, **tags):
    """Return an uncompressed ultrasound multi-frame data set of grey or RGB frames."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = (int(n) for n in frames.shape[:3])
    colour = frames.ndim == 4
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * frames.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    dataset.FrameTime = "20"
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.PixelData = frames.tobytes()
    return dataset


def dicom_region(place, delta_cm, *, spatial=1, data_type=1, units=3):
    """Return a sequence item: place is (x0, y0, x1, y1), the ends inclusive."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = spatial, data_type
    item.RegionLocationMinX0, item.RegionLocationMinY0 = place[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = place[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta_cm
    return item


def write_metaimage(path, frames, *, spacing=(0.5, 0.25), compressed=False, big=False, data=None):
    """Write frames (n_frames, height, width) or (height, width) as MetaImage."""
    import zlib

    order = ">" if big else "<"
    content = frames.astype(frames.dtype.newbyteorder(order)).tobytes()
    if compressed:
        content = zlib.compress(content)
    kinds = {"u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "f4": "FLOAT", "f8": "DOUBLE"}
    kind = kinds[frames.dtype.str[1:]]
    local = path.suffix == ".mha" and data is None
    name = "LOCAL" if local else data or path.with_suffix(".zraw" if compressed else ".raw").name
    lines = [
        "ObjectType = Image",
        f"NDims = {frames.ndim}",
        "BinaryData = True",
        f"BinaryDataByteOrderMSB = {big}",
        f"CompressedData = {compressed}",
        "DimSize = " + " ".join(str(side) for side in frames.shape[::-1]),
        "ElementSpacing = " + " ".join(f"{side:g}" for side in (*spacing, 1)[: frames.ndim]),
        f"ElementType = MET_{kind}",
        f"ElementDataFile = {name}",
    ]
    header = ("\n".join(lines) + "\n").encode()
    path.write_bytes(header + (content if local else b""))
    if not local and data is None:
        (path.parent / name).write_bytes(content)


def write_echonet(root, count):
    """Write a folder like EchoNet-Dynamic: videos 0X0, 0X1, …; frame 2 diastole, 8 systole."""
    from fractions import Fraction

    (root / "Videos").mkdir(parents=True, exist_ok=True)
    listed = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    traced = ["FileName,X1,Y1,X2,Y2,Frame"]
    setup = dict(stamps=range(12), time_base=Fraction(1, 50), rate=50, pix_fmt="yuvj420p")
    for i in range(count):
        frames = speckle(12, fan(112, 112), seed=i)
        write_video(root / "Videos" / f"0X{i}.avi", frames, codec="mjpeg", **setup)
        split = {count - 2: "VAL", count - 1: "TEST"}.get(i, "TRAIN") if count > 2 else "TRAIN"
        listed.append(f"0X{i},{50 + i},{50 - i},{100 + i},112,112,50,12,{split}")
        for frame, half_width, half_height in ((2, 15, 25), (8, 10, 20)):
            traced.append(f"0X{i}.avi,56,{56 - half_height},56,{56 + half_height},{frame}")
            for y in np.linspace(56 - half_height, 56 + half_height, 20):
                traced.append(f"0X{i}.avi,{56 - half_width},{y},{56 + half_width},{y},{frame}")
    (root / "FileList.csv").write_text("\n".join(listed) + "\n")
    (root / "VolumeTracings.csv").write_text("\n".join(traced) + "\n")


def write_camus(root, count, *, layout):
    """Write a folder like CAMUS, "nifti" or "mhd": 8 frames a view, cavity shrinking."""
    newer = layout == "nifti"
    row, column = np.mgrid[:60, :72]
    labels = []
    for i in range(8):
        distance = np.hypot((row - 28) / (20 - i), (column - 36) / (10 - 0.7 * i))
        labels.append(np.where(distance < 1, 1, np.where(distance < 1.4, 2, 0)))
    labels = np.array(labels, dtype=np.uint8)
    for i in range(1, count + 1):
        patient = f"patient{i:04d}"
        folder = root / ("database_nifti" if newer else "training") / patient
        folder.mkdir(parents=True)
        for view in ("4CH", "2CH"):
            frames = speckle(seed=i)
            parts = {
                "ED": frames[:1],
                "ES": frames[-1:],
                "ED_gt": labels[:1],
                "ES_gt": labels[-1:],
                "half_sequence" if newer else "sequence": frames,
            }
            if newer:
                parts["half_sequence_gt"] = labels
            info = ["ED: 1", "ES: 8", "NbFrame: 8", "Sex: F", "Age: 56", "ImageQuality: Good"]
            if newer:
                info += [f"EF: {50 + i}", "FrameRate: 47.3"]
            else:
                info += ["LVedv: 110.5", "LVesv: 54.1", f"LVef: {50 + i}"]
            (folder / f"Info_{view}.cfg").write_text("\n".join(info) + "\n")
            for part, values in parts.items():
                path = folder / f"{patient}_{view}_{part}"
                if newer:
                    import nibabel

                    plane = values[0].T if len(values) == 1 else values.transpose(2, 1, 0)
                    image = nibabel.Nifti1Image(plane, np.eye(4))
                    image.header.set_zooms((0.308, 0.154, 1.0)[: plane.ndim])
                    image.header.set_xyzt_units("mm", "sec")
                    image.to_filename(f"{path}.nii.gz")
                else:
                    target = path.with_name(path.name + ".mhd")
                    write_metaimage(target, values, spacing=(0.308, 0.154))
