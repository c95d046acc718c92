// SPDX-License-Identifier: Apache-2.0
// How jemalloc works in a daemon that lives for months and mostly waits (docs/decisions/0033): one arena, and what is
// free goes back to the system within seconds, by a thread of jemalloc's own. Included once, by the daemon's main.cpp;
// without jemalloc (sanitizers bring their own allocator) nobody reads it.
#pragma once

extern "C" {
extern const char* malloc_conf;
[[gnu::visibility("default")]] const char* malloc_conf =
    "narenas:1,dirty_decay_ms:2000,muzzy_decay_ms:0,background_thread:true";
}
