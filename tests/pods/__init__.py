"""What k8s/base/app says of its pods, done to them as real processes beside real servers."""
