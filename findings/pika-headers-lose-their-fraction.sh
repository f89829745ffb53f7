#!/usr/bin/env bash
# pika: a header of 2.5 is 2, and pika itself cannot send one
#
# Versions: pika 1.4.4, amqp 5.4.2 (PyPI), the client of Celery and Kombu, which writes the tables.
# Expected: RabbitMQ's list of field types has `d`, a double, and `f`, a float. Python has floats too.
# Seen: pika reads both and makes whole numbers of them: 0.99 is 0, and -2.5 is -2. So a weight, a price or a trace's sampling
# rate in a header from Celery, JavaScript or Go is another number in a pika consumer. In the other direction it raises.
#
# Output:
#> 2.5    amqp 2.5, pika 2
#> 0.99   amqp 0.99, pika 0
#> -2.5   amqp -2.5, pika -2
#> 3      amqp 3, pika 3
#> 1e+20  amqp 1e+20, pika 100000000000000000000
#> pika sends 2.5: UnsupportedAMQPFieldException

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore pika==1.4.4 amqp==5.4.2

cat > probe.py <<'PROBE'
import pika
from amqp.basic_message import Message
from amqp.serialization import loads

for number in 2.5, 0.99, -2.5, 3, 1e20:
    # The properties of a message, as they follow the frame's class and size.
    properties = Message(application_headers={"number": number})._serialize_properties()
    header = pika.BasicProperties().decode(properties).headers["number"]
    print(f"{number!s:6} amqp {loads('F', properties[2:], 0)[0][0]['number']}, pika {int(header)}")
try:
    pika.BasicProperties(headers={"number": 2.5}).encode()
except Exception as error:
    print("pika sends 2.5:", type(error).__name__)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
