"""What the real forum pages hold, counted by hand: what a reader is measured against."""

from __future__ import annotations

# File: messages and threads, each thread once.
COUNTED: dict[str, tuple[int, int]] = {
    # `id="thread_title_N"`: 22, two of them sticky. Three child forums name their last (`goto=newpost`).
    "voz_vbulletin_forumData_2019.html": (0, 25),
    # `id="post_message_N"`: #1 to #10.
    "voz_vbulletin_threadData2_2019.html": (10, 0),
    # `js-threadListItem-N`: 21, one of them sticky. A child forum names its last thread (`node-extra-title`).
    "voz_xenforo_f21_2020-07.html": (0, 22),
    # `js-threadListItem-N`: 23, three of them sticky.
    "voz_xenforo_f33_2020-07.html": (0, 23),
    # `node-extra-title`: 47 forums name their last thread; two name the same.
    "voz_xenforo_home_2020-07.html": (0, 46),
    # `js-threadListItem-N`: 20, one of them sticky in its forum.
    "voz_xenforo_newpost_2020-07.html": (0, 20),
}
