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
