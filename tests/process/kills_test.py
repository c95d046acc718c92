# SPDX-License-Identifier: Apache-2.0
"""kill -9 of gateway, relay and device in turn during 500 changes: at the end device and store are equal by content hash,
nothing twice, nothing missing."""
import os
import random
import unittest

import stage as st

CHANGES = 500


class Kills(unittest.TestCase):
    def test_kills_in_turn(self):
        seed = int(os.environ.get("TIDEGATE_SEED", "1"))
        dice = random.Random(seed)
        print("seed", seed)
        with st.Stage() as stage:
            stage.open_relay()
            stage.serve_mock()
            stage.add_user()
            device = stage.pair_device()
            device.start()
            device.until("current")
            store = os.path.join(stage.mock_root(), "alice@example.com")
            victims = ["gateway", "relay", "device"]
            for number in range(CHANGES):
                what = dice.random()
                there = [(sub, name) for sub in ("new", "cur") for name in os.listdir(os.path.join(store, sub))]
                if what < 0.7 or not there:
                    stage.drop(st.small_message(number, dice.randrange(500, 30_000)))
                elif what < 0.85:
                    sub, name = dice.choice(there)
                    os.remove(os.path.join(store, sub, name))
                else:
                    sub, name = dice.choice(there)
                    base = name.split(":")[0]
                    os.rename(os.path.join(store, sub, name), os.path.join(store, "cur", base + ":2," + dice.choice(["S", "FS", "RS"])))
                if number % 25 == 24:
                    self.kill(stage, device, victims[number // 25 % 3])

            def same():
                return device.files() == st.maildir_hashes(store)
            try:
                st.wait_for("device and store to be equal", same, 120)
            except st.StageError:
                there, here = st.maildir_hashes(store), device.files()
                said = []
                while not device.events.empty():
                    said.append(device.events.get())
                said = "\n".join(str(each) for each in said if each.get("event") != "item")
                self.fail(f"missing {len(set(there) - set(here))}, too many {len(set(here) - set(there))}, twice "
                          f"{sum(n > 1 for n in here.values())}\n--- device\n{device.process.tail()}{said[-4000:]}\n--- gateway\n"
                          f"{stage.gateway.tail()}\n--- relay\n{stage.relay.tail()}")
            self.assertGreater(len(device.files()), 200)

    def kill(self, stage, device, victim):
        if victim == "gateway":
            stage.gateway.kill()
            stage.start_gateway()
        elif victim == "relay":
            stage.relay.kill()
            stage.start_relay()
        else:
            device.process.kill()
            device.start()


if __name__ == "__main__":
    unittest.main()
