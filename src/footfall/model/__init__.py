"""The behaviour model: event embedding, backbone, heads, and how they are kept on disk."""
