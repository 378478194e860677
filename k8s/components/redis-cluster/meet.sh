#!/bin/sh
# Run by each pod when it starts. Addresses are new then, and of pods that all start at once nobody
# knows another's. Who was met already is met in vain.
until redis-cli ping | grep -q PONG; do sleep 1; done
for n in 0 1 2 3 4 5; do
  address=$(getent hosts "redis-$n.redis" | cut -d ' ' -f 1)
  [ -z "$address" ] || redis-cli cluster meet "$address" 6379
done
exit 0
