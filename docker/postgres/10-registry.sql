-- Run by the postgres image at the first start: the schema registry keeps its data beside kassaflow's.
CREATE DATABASE registry;
